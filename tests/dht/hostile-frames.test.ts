/** Frames of a private network in the hands of attackers without a key, or that overheard some: a whole node, case by case. */
import { beforeEach, describe, expect, test } from 'vitest'
import { opensslAead } from '../../src/app/node/aead.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { encodeMessage } from '../../src/dht/wire/codec.ts'
import { DatagramPort } from '../../src/dht/wire/datagram-port.ts'
import type { DropReason } from '../../src/dht/wire/drops.ts'
import { Framer } from '../../src/dht/frames/framer.ts'
import { KeyRing } from '../../src/dht/frames/key-ring.ts'
import type { Message } from '../../src/dht/wire/messages.ts'
import { NetworkClock } from '../../src/dht/frames/network-clock.ts'
import { DhtNode } from '../../src/dht/node.ts'
import type { FrameMode, SwarmKey } from '../../src/dht/frames/swarm-key.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import type { NodeId } from '../../src/protocol/ids.ts'
import type { Clock, Datagrams } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'
import { idOf, infoHash, LAN } from './lone-node.ts'

const key = (byte: number, mode: FrameMode): SwarmKey => ({ secret: new Uint8Array(32).fill(byte), mode })
const PING: Message = { type: 'ping', t: 'abcdefgh', id: idOf(1) }
const HOUR = 3_600_000

class MemberNode {
  readonly clock = new SimClock()
  readonly node: DhtNode
  /** Whole frames that the node has sent. */
  readonly sent: { readonly data: Uint8Array; readonly to: Endpoint }[] = []
  readonly #socket: Datagrams
  readonly #mode: FrameMode
  #framers = 0

  constructor(mode: FrameMode) {
    this.#mode = mode
    this.#socket = {
      local: { host: '0.0.0.0', port: 10_000 },
      onDatagram: () => undefined,
      send: (data, to) => void this.sent.push({ data: data.slice(), to }),
      close: () => undefined,
    }
    const keys = new KeyRing([key(1, mode)], { hashes, aead: opensslAead })
    this.node = new DhtNode({
      family: 4,
      port: new DatagramPort(this.#socket, {
        clock: this.clock,
        frames: { keys, random: new SeededRandom(7) },
      }),
      clock: this.clock,
      random: new SeededRandom(1),
      emit: () => undefined,
    })
  }

  /** Another member, or who would be one. */
  framer(byte = 1, clockError = 0): Framer {
    const clock: Clock = {
      now: () => this.clock.now(),
      wallNow: () => this.clock.wallNow() + clockError,
      after: (delay, fn) => this.clock.after(delay, fn),
    }
    return new Framer({
      keys: new KeyRing([key(byte, this.#mode)], { hashes, aead: opensslAead }),
      clock,
      random: new SeededRandom(100 + this.#framers++),
      time: new NetworkClock(clock),
    })
  }

  receive(data: Uint8Array, from: Endpoint = LAN): void {
    this.#socket.onDatagram(data, from)
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const sealed = (by: Framer, message: Message, to: NodeId | undefined): Uint8Array =>
  by.seal(bytesOf(encodeMessage(message)), to).slice()

describe.each(['hmac', 'aead'] as const)('in mode %s', (mode) => {
  let member: MemberNode
  let framer: Framer

  beforeEach(() => {
    member = new MemberNode(mode)
    framer = member.framer()
  })

  /** Dropped under that reason, not a byte sent, nothing kept. */
  function expectDropped(reason: DropReason, times = 1): void {
    const { contacts, storedPeers, inFlight, dropped } = member.node.snapshot()
    expect(dropped).toEqual({ [reason]: times })
    expect(member.sent).toEqual([])
    expect({ contacts, storedPeers, inFlight }).toEqual({ contacts: 0, storedPeers: 0, inFlight: 0 })
  }

  test('a frame of a member is answered, so that what follows shows something', () => {
    member.receive(sealed(framer, PING, member.node.id))
    expect(member.node.snapshot().dropped).toEqual({})
    expect(member.sent.length).toBeGreaterThan(0)
  })

  const changed = (data: Uint8Array, at: number, by = 1): Uint8Array => {
    data[at < 0 ? data.length + at : at]! ^= by
    return data
  }
  const cases: readonly (readonly [string, () => Uint8Array, DropReason])[] = [
    ['an open message', () => new TextEncoder().encode(encodeMessage(PING)), 'frame'],
    ['nothing but a header and a tag', () => changed(new Uint8Array(60), 0, 0xd1), 'frame'],
    ['an unknown mode', () => changed(sealed(framer, PING, member.node.id), 1, 4), 'frame'],
    ['the other mode', () => changed(sealed(framer, PING, member.node.id), 1, 3), 'tag'],
    ['an unknown key id', () => changed(sealed(framer, PING, member.node.id), 2), 'key'],
    ['another key', () => sealed(member.framer(9), PING, member.node.id), 'key'],
    ['a salt with one bit changed', () => changed(sealed(framer, PING, member.node.id), 4), 'tag'],
    ['a sequence number one higher', () => changed(sealed(framer, PING, member.node.id), 18), 'tag'],
    ['a message with one bit changed', () => changed(sealed(framer, PING, member.node.id), 40), 'tag'],
    ['a tag with one bit changed', () => changed(sealed(framer, PING, member.node.id), -1), 'tag'],
    ['a tag of 15 bytes', () => sealed(framer, PING, member.node.id).subarray(0, -1), 'tag'],
    ['a tag of 17 bytes', () => Uint8Array.of(...sealed(framer, PING, member.node.id), 0), 'tag'],
    ['a frame for another node', () => sealed(framer, PING, idOf(3)), 'tag'],
    [
      'a frame of the future',
      () => sealed(member.framer(1, HOUR), { ...PING, type: 'pong' }, member.node.id),
      'skew',
    ],
    [
      'an announce for whoever it reaches',
      () => sealed(framer, { ...PING, type: 'announce', infoHash, token: 'a', port: 7 }, undefined),
      'first-contact',
    ],
    [
      'a question for peers to whoever it reaches',
      () => sealed(framer, { ...PING, type: 'findPeers', infoHash }, undefined),
      'first-contact',
    ],
    [
      'a reply to whoever it reaches',
      () => sealed(framer, { ...PING, type: 'pong' }, undefined),
      'first-contact',
    ],
    [
      'nonsense of a member',
      () => framer.seal(bytesOf('{"v":1,"type":"ping","t":"abcd"}'), member.node.id).slice(),
      'field',
    ],
    [
      'a member that speaks as us',
      () => sealed(framer, { ...PING, id: member.node.id }, member.node.id),
      'reflection',
    ],
    [
      'a member of another network under the same key',
      () => framer.seal(bytesOf(encodeMessage(PING, 'other')), member.node.id).slice(),
      'net',
    ],
  ]
  test.each(cases)('%s', (_name, data, reason) => {
    member.receive(data())
    expectDropped(reason)
  })

  test('the same frame again, from its sender or anybody, however often', () => {
    const frame = sealed(framer, PING, member.node.id)
    member.receive(frame)
    const answered = member.sent.length
    for (let i = 0; i < 100; i++) member.receive(frame, { host: '10.0.0.66', port: 1_000 + i })
    expect(member.sent).toHaveLength(answered)
    expect(member.node.snapshot().dropped).toEqual({ replay: 100 })
    expect(member.node.contacts).toBe(0)
  })

  test('our own frame, sent back to us', () => {
    member.node.bootstrap([LAN])
    const [question] = member.sent
    member.receive(question!.data)
    expect(member.node.snapshot().dropped).toEqual({ reflection: 1 })
    expect(member.node.contacts).toBe(0)
  })

  test('a frame of an hour ago is told the time once a second, in fewer bytes than three times its own', () => {
    const old = sealed(framer, PING, member.node.id)
    member.clock.runUntil(HOUR)
    member.sent.length = 0
    for (let i = 0; i < 100; i++) member.receive(old)
    expect(member.node.snapshot().dropped).toMatchObject({ skew: 100 })
    expect(member.sent).toHaveLength(1)
    expect(member.sent[0]!.data.length).toBeLessThan(3 * old.length)
    expect(member.node.contacts).toBe(0)
  })

  test('ten thousand invented senders a second cost no memory and no member its hearing', () => {
    member.receive(sealed(framer, PING, member.node.id))
    const answered = member.sent.length
    const forged = sealed(framer, PING, member.node.id)
    const view = new DataView(forged.buffer)
    for (let salt = 0; salt < 10_000; salt++) {
      view.setUint32(4, salt)
      member.receive(forged, { host: `10.9.${salt >> 8}.${salt & 255}`, port: 20_000 })
      member.clock.runUntil(member.clock.now() + 0.1)
    }
    expect(member.sent).toHaveLength(answered)
    const { dropped } = member.node.snapshot()
    expect((dropped['tag'] ?? 0) + (dropped['salt-rate'] ?? 0) + (dropped['rate'] ?? 0)).toBe(10_000)
    member.receive(sealed(framer, { ...PING, t: 'again-me' }, member.node.id))
    expect(member.sent.length).toBeGreaterThan(answered)
  })
})
