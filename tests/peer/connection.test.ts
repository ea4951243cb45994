/** One connection: what the swarm is told of each message, and in which order. */
import { describe, expect, test } from 'vitest'
import { IDLE_TALK } from '../../src/peer/conduct.ts'
import type { PeerConnection } from '../../src/peer/connection.ts'
import {
  decodeExtensionHandshake,
  encodeExtensionHandshake,
  ExtensionRegistry,
} from '../../src/protocol/extension.ts'
import {
  encodeBitfield,
  encodeCancels,
  encodeChoke,
  encodeExtended,
  encodeHaves,
  encodeInterested,
  encodeNotInterested,
  encodeRequests,
  encodeUnchoke,
} from '../../src/protocol/message.ts'
import { BLOCK, blockMessage, ConnectionScene } from './connection-scene.ts'

const request = { piece: 2, begin: 0, length: BLOCK }
const block = (piece: number, begin: number, byte = 0) =>
  blockMessage(piece, begin, new Uint8Array(BLOCK).fill(byte))

describe('it begins', () => {
  test('with our bitfield, then with what we speak', () => {
    expect(new ConnectionScene().start().stream.sent).toEqual(['bitfield', 'extended'])
  })

  test('without a bitfield when we have nothing (BEP 3)', () => {
    expect(new ConnectionScene({ have: [] }).start().stream.sent).toEqual(['extended'])
  })

  test('without the word of BEP 10 when the remote does not know it', () => {
    expect(new ConnectionScene({ extensions: 'none' }).start().stream.sent).toEqual(['bitfield'])
  })

  test('by reading what came with the handshake', () => {
    expect(new ConnectionScene().start(encodeUnchoke()).told).toEqual(['unchoke'])
  })

  test('and tells the remote under which address we see it', () => {
    const { stream } = new ConnectionScene().start()
    expect(decodeExtensionHandshake(stream.writes[1]!.subarray(6))).toMatchObject({
      client: 'us',
      yourIp: '10.0.0.2',
    })
  })
})

describe('when the metainfo comes late', () => {
  const begun = (): ConnectionScene => {
    const scene = new ConnectionScene({ have: [1, 2] })
    scene.peer.start(new Uint8Array(0))
    return scene
  }

  test('we say in haves what we have: a bitfield is the first message or none (BEP 3)', () => {
    const { peer, geometry, have, stream } = begun()
    peer.onMetainfo(geometry, have)
    expect(stream.sent).toEqual(['extended', 'have 1', 'have 2'])
  })

  test('what the remote had said of its pieces is told then', () => {
    const scene = begun()
    scene.receive(encodeBitfield(Uint8Array.of(0b0100_0000)), encodeHaves([3]))
    expect(scene.told).toEqual(['end', 'end'])
    scene.peer.onMetainfo(scene.geometry, scene.have)
    expect(scene.told.slice(2)).toEqual(['pieces'])
    expect([0, 1, 2, 3].map((piece) => scene.peer.remote.has(piece))).toEqual([false, true, false, true])
  })

  test('what it had said must fit', () => {
    const scene = begun()
    scene.receive(encodeHaves([4]))
    scene.peer.onMetainfo(scene.geometry, scene.have)
    expect(scene.told.at(-1)).toBe('closed: wire.bad-piece')
  })

  test('requests before it are ignored, blocks are struck', () => {
    const scene = begun()
    scene.receive(encodeRequests([request]))
    for (let blocks = 0; blocks < 64; blocks++) scene.receive(block(0, 0))
    expect(scene.told).toEqual([])
    scene.receive(block(0, 0))
    expect(scene.told).toEqual(['closed: wire.unrequested'])
  })

  test('it is of no use to a connection that is closed', () => {
    const { peer, geometry, have, stream } = begun()
    peer.close('enough')
    peer.onMetainfo(geometry, have)
    expect([peer.uplink.queue, stream.sent]).toEqual([undefined, ['extended']])
  })
})

test('what the remote says of pieces, choke and interest is told once each', () => {
  const scene = new ConnectionScene().start()
  scene.receive(encodeChoke())
  scene.receive(encodeBitfield(Uint8Array.of(0b1000_0000)), encodeHaves([3]), encodeHaves([3]))
  scene.receive(encodeUnchoke(), encodeUnchoke(), encodeInterested(), encodeInterested(), encodeChoke())
  expect(scene.told).toEqual(['pieces', 'end', 'have 3', 'end', 'end', 'unchoke', 'interest', 'choke'])
})

test('blocks of one chunk are told one by one, and then that it was all', () => {
  const scene = new ConnectionScene().start()
  scene.receiveAtOnce(block(1, 0, 7), block(1, BLOCK, 8))
  expect(scene.told).toEqual(['block 1+0 7', `block 1+${BLOCK} 8`, 'end'])
})

describe('a connection that the swarm closes', () => {
  test.each([
    ['pieces', [encodeHaves([3])], []],
    ['have 3', [encodeHaves([3, 2])], ['pieces']],
    ['interest', [encodeInterested(), encodeHaves([3])], ['pieces', 'have 3']],
    ['end', [block(1, 0), encodeRequests([request])], ['block 1+0 0', 'request']],
  ])('at the word "%s" tells nothing more', (word, messages, before) => {
    const scene = new ConnectionScene().start()
    scene.peer.uplink.unchoke()
    scene.lastWord = word
    scene.receiveAtOnce(...messages)
    scene.receive(encodeUnchoke())
    expect(scene.told).toEqual([...before, word, 'closed: enough'])
  })

  test('is closed once', () => {
    const scene = new ConnectionScene().start()
    scene.peer.close('enough')
    scene.peer.close('again')
    scene.stream.handler.onClose()
    expect(scene.told).toEqual(['closed: enough'])
  })
})

test.each([
  ['a block of a piece that does not exist', blockMessage(9, 0, Uint8Array.of(1)), 'wire.bad-piece'],
  ['a have of a piece that does not exist', encodeHaves([4]), 'wire.bad-piece'],
  ['a bitfield with spare bits set', encodeBitfield(Uint8Array.of(0xff)), 'wire.bad-bitfield'],
  ['a bitfield of another size', encodeBitfield(new Uint8Array(2)), 'wire.bad-bitfield'],
  ['an extension handshake that is no bencode', encodeExtended(0, Uint8Array.of(1)), 'bencode.malformed'],
])('%s closes it, and nothing after that is heard', (_what, bad, code) => {
  const scene = new ConnectionScene().start()
  scene.receiveAtOnce(bad, encodeUnchoke())
  scene.receive(encodeUnchoke())
  expect(scene.told).toEqual([`closed: ${code}`])
})

test('a bitfield of another size closes it before its bytes have come', () => {
  const scene = new ConnectionScene().start()
  scene.receive(encodeBitfield(new Uint8Array(1_000)).subarray(0, 5))
  expect(scene.told).toEqual(['closed: wire.bad-bitfield'])
})

describe('extensions', () => {
  const registry = new ExtensionRegistry<PeerConnection>()
  const heard: string[] = []
  registry.register('ut_x', (_peer, payload) => heard.push(String(payload)))
  const speaking = (): ConnectionScene =>
    new ConnectionScene({ extensions: { registry, fields: () => ({}) } }).start()

  test('are told of a handshake, and get the messages that bear their number', () => {
    const scene = speaking()
    scene.receive(encodeExtended(0, encodeExtensionHandshake({ ids: new Map() })))
    scene.receive(encodeExtended(1, Uint8Array.of(5)), encodeExtended(2, Uint8Array.of(6)))
    expect([scene.told, heard]).toEqual([['extensions'], ['5']])
  })

  test('send nothing to a remote that does not speak them', () => {
    const { peer, stream } = speaking()
    const before = stream.sent.length
    expect(peer.sendExtended('ut_x', Uint8Array.of(5))).toBe(false)
    expect(stream.sent).toHaveLength(before)
  })

  test('send what they have to say under the number of the remote', () => {
    const scene = speaking()
    scene.receive(encodeExtended(0, encodeExtensionHandshake({ ids: new Map([['ut_x', 77]]) })))
    expect(scene.peer.sendExtended('ut_x', Uint8Array.of(5))).toBe(true)
    expect(scene.stream.writes.at(-1)).toEqual(encodeExtended(77, Uint8Array.of(5)))
  })
})

describe('talk that moves nothing', () => {
  const { burst, perSecond } = IDLE_TALK
  const extensionHandshake = encodeExtended(0, encodeExtensionHandshake({ ids: new Map() }))

  test.each([
    ['keep-alives', 1, [new Uint8Array(4)]],
    ['interest that comes and goes', 2, [encodeInterested(), encodeNotInterested()]],
    ['haves of one piece', 1, [encodeHaves([3])]],
    ['one request and its cancel', 2, [encodeRequests([request]), encodeCancels([request])]],
    ['messages of a kind that we do not know', 1, [Uint8Array.of(0, 0, 0, 1, 99)]],
    ['extended messages with a number that nobody gave', 1, [encodeExtended(99, Uint8Array.of(1))]],
    ['a bitfield said again', 64, [encodeBitfield(Uint8Array.of(0b1000_0000))]],
    ['chokes that are taken back', 128, [encodeUnchoke(), encodeChoke()]],
    ['extension handshakes', 65, [extensionHandshake]],
  ])('is borne for a while: %s', (_what, cost, messages) => {
    const scene = new ConnectionScene().start()
    scene.peer.uplink.unchoke()
    const turns = Math.floor(burst / cost)
    for (let i = 0; i < turns - 1; i++) scene.receive(...messages)
    expect(scene.peer.isClosed).toBe(false)
    for (let i = 0; i < 3; i++) scene.receive(...messages)
    expect(scene.told.at(-1)).toBe('closed: wire.flood')
  })

  test('may go on for ever when it is slow', () => {
    const scene = new ConnectionScene().start()
    for (let second = 0; second < 100; second++) {
      scene.clock.runUntil(1_000 * second)
      for (let i = 0; i < perSecond; i++) scene.receive(encodeHaves([3]))
    }
    expect(scene.peer.isClosed).toBe(false)
  })

  test('is no have of a piece that is new', () => {
    const pieceCount = 2 * burst
    const scene = new ConnectionScene({ pieceCount }).start()
    for (let piece = 0; piece < pieceCount; piece++) scene.receive(encodeHaves([piece]))
    expect(scene.peer.remote.isSeed).toBe(true)
  })

  test('has us look at interest no more than once for all that came together', () => {
    const scene = new ConnectionScene().start()
    const flips = Array.from({ length: 101 }, (_, at) =>
      at % 2 ? encodeNotInterested() : encodeInterested(),
    )
    scene.receiveAtOnce(...flips)
    expect(scene.told).toEqual(['interest'])
  })
})
