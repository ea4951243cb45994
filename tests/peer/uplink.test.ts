/** What a peer asks us for, and what it is sent. */
import { beforeEach, describe, expect, test } from 'vitest'
import { IDLE_TALK } from '../../src/peer/conduct.ts'
import { MAX_QUEUED_REQUESTS } from '../../src/peer/upload-queue.ts'
import {
  encodeCancels,
  encodeInterested,
  encodeNotInterested,
  encodeRequests,
} from '../../src/protocol/message.ts'
import { BLOCK, ConnectionScene } from './connection-scene.ts'

const KEEP_ALIVE = new Uint8Array(4)

let scene: ConnectionScene
beforeEach(() => {
  scene = new ConnectionScene().start()
})

const range = { piece: 2, begin: 0, length: BLOCK }
const next = { ...range, begin: BLOCK }

test('a peer begins as one that we choke, and that wants nothing', () => {
  const { uplink } = scene.peer
  expect([uplink.isChoked, uplink.isInterested]).toEqual([true, false])
})

test('its interest comes and goes', () => {
  scene.receive(encodeInterested())
  expect(scene.peer.uplink.isInterested).toBe(true)
  scene.receive(encodeNotInterested())
  expect(scene.peer.uplink.isInterested).toBe(false)
  expect(scene.told).toEqual(['interest', 'interest'])
})

test('chokes and unchokes are said once each', () => {
  const { uplink } = scene.peer
  uplink.choke()
  for (const say of ['unchoke', 'unchoke', 'choke', 'choke'] as const) uplink[say]()
  expect(scene.stream.sent.slice(2)).toEqual(['unchoke', 'choke'])
})

test('pieces are announced in one write, and no piece in none', () => {
  const writes = scene.stream.writes.length
  scene.peer.uplink.sendHaves([])
  scene.peer.uplink.sendHaves([0, 3])
  expect(scene.stream.writes).toHaveLength(writes + 1)
  expect(scene.stream.sent.slice(2)).toEqual(['have 0', 'have 3'])
})

describe('requests', () => {
  test('wait in its queue once it is unchoked, and can be cancelled', () => {
    scene.receive(encodeRequests([range]))
    expect(scene.told).toEqual([])
    scene.peer.uplink.unchoke()
    scene.receive(encodeRequests([range, next]), encodeCancels([range]))
    expect(scene.told).toEqual(['request', 'request', 'requests end'])
    expect(scene.peer.uplink.queue!.peekRun(Infinity)).toMatchObject([next])
  })

  test('are forgotten when it is choked (BEP 3)', () => {
    scene.peer.uplink.unchoke()
    scene.receive(encodeRequests([range]))
    scene.peer.uplink.choke()
    expect(scene.peer.uplink.queue!.size).toBe(0)
  })

  test('are forgotten before the stream gives back what it drops: nobody serves them then', () => {
    scene.peer.uplink.unchoke()
    scene.receive(encodeRequests([range]))
    let waiting = Infinity
    scene.stream.onDestroy = () => (waiting = scene.peer.uplink.queue!.size)
    scene.peer.close('enough')
    expect(waiting).toBe(0)
  })

  test.each([
    ['a piece that does not exist', { ...range, piece: 4 }],
    ['bytes behind the end of the piece', { ...range, begin: 2 * BLOCK - 1 }],
    ['nothing', { ...range, length: 0 }],
    ['a length near 2^32', { ...range, length: 0xffff_ffff }],
  ])('for %s close it, whether it may download or not', (_what, bad) => {
    scene.receive(encodeRequests([bad]))
    expect(scene.told).toEqual(['closed: wire.bad-piece'])
    expect(scene.stream.isDestroyed).toBe(true)
  })

  test.each([
    [131_072, []],
    [131_073, ['closed: wire.bad-piece']],
  ])('for %i bytes at once are borne, or not', (length, told) => {
    const long = new ConnectionScene({ blocksPerPiece: 16 }).start()
    long.receive(encodeRequests([{ ...range, length }]))
    expect(long.told).toEqual(told)
  })

  test('that are more than we said we queue close it', () => {
    scene.peer.uplink.unchoke()
    const all = Array.from({ length: MAX_QUEUED_REQUESTS + 1 }, (_, i) => ({ piece: 2, begin: i, length: 1 }))
    scene.receive(encodeRequests(all))
    expect(scene.told.at(-1)).toBe('closed: wire.flood')
  })
})

describe('a run of blocks', () => {
  test('is sent block by block, out of one piece of memory that is released with the last', () => {
    scene.stream.isStuck = true
    let released = 0
    const bytes = new Uint8Array(2 * BLOCK).fill(1).fill(2, BLOCK)
    scene.peer.uplink.sendBlocks([range, next], bytes, () => released++)
    expect(scene.stream.sent.slice(2)).toEqual(['piece 2+0', `piece 2+${BLOCK}`])
    const blocks = scene.stream.writes.filter(({ length }) => length === BLOCK)
    expect(blocks.map((block) => [block.buffer === bytes.buffer, block[0]])).toEqual([
      [true, 1],
      [true, 2],
    ])
    for (let header = 0; header < 3; header++) scene.stream.drain()
    expect(released).toBe(0)
    scene.stream.drain()
    expect(released).toBe(1)
  })

  test('counts as sent', () => {
    scene.peer.uplink.sendBlocks([range, next], new Uint8Array(2 * BLOCK), () => {})
    expect(scene.peer.uplink.sent.total).toBe(2 * BLOCK)
    expect(scene.peer.uplink.sent.rate(0)).toBeGreaterThan(0)
  })
})

test('whoever is served may talk much: as many requests as it likes, each with a change of mind', () => {
  const { uplink } = scene.peer
  uplink.unchoke()
  for (let requests = 0; requests < IDLE_TALK.burst; requests++) {
    scene.receive(encodeRequests([range]), encodeNotInterested(), encodeInterested())
    uplink.queue!.take([range])
    uplink.sendBlocks([range], new Uint8Array(BLOCK), () => {})
  }
  expect(scene.peer.isClosed).toBe(false)
})

test('so may whoever is told of pieces', () => {
  for (let pieces = 0; pieces < IDLE_TALK.burst; pieces++) {
    scene.peer.uplink.sendHaves([2])
    scene.receive(KEEP_ALIVE, KEEP_ALIVE, KEEP_ALIVE)
  }
  expect(scene.peer.isClosed).toBe(false)
})
