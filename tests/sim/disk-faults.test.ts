/** What becomes of a swarm when a disk fails, fills, stalls, or has its files changed under it. */
import { describe, expect, test } from 'vitest'
import { PAYLOAD_PATH, SimSwarm, type SimMachine } from '../../src/app/sim/swarm.ts'
import type { NodeEvent } from '../../src/app/event-level.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { HIGH_WATER_BYTES } from '../../src/storage/piece-store.ts'
import { PATIENCE_MS } from '../../src/storage/recheck.ts'
import { hashes } from '../support/hashes.ts'

const SECONDS = 1_000
const MINUTES = 60 * SECONDS
const PIECE = 65_536
const PIECES = 64
/** Slow enough that something can happen on the way: a piece takes a quarter of a second. */
const UPLINK = 4 * PIECE

/** All that a machine reported of one kind, with its times. */
function seen<Name extends NodeEvent['event']>(
  sim: SimSwarm,
  machine: number,
  name: Name,
): (Extract<NodeEvent, { event: Name }> & { at: number })[] {
  const lines = sim.log.map((line) => /^(\S+) machine (\d+) (.*)$/.exec(line)!)
  return lines
    .filter(([, , index]) => index === String(machine))
    .map(([, at, , json]) => ({
      ...(JSON.parse(json!) as Extract<NodeEvent, { event: Name }>),
      at: Number(at),
    }))
    .filter(({ event }) => event === name)
}

function isSame({ file }: SimMachine, { payload }: SimSwarm): boolean {
  return bytesEqual(file()!, payload)
}

function pass(sim: SimSwarm, ms: number): void {
  const until = sim.clock.now() + ms
  sim.runUntil(() => sim.clock.now() >= until, { withinMs: ms + MINUTES })
}

/** The payload with another piece in place of one. */
function withOther(sim: SimSwarm, piece: number): Uint8Array {
  return sim.payload.slice().fill(7, piece * PIECE, (piece + 1) * PIECE)
}

async function pair(seed: number) {
  const sim = new SimSwarm({ seed, hashes, payloadBytes: PIECES * PIECE })
  const seeder = await sim.seeder({ up: UPLINK })
  const leecher = await sim.leecher({ peers: [seeder] })
  sim.runUntil(() => leecher.session.snapshot().have >= 8, { withinMs: MINUTES })
  return { sim, seeder, leecher }
}

const isComplete = ({ session }: SimMachine) => session.isComplete

describe('a seeder', () => {
  test('whose disk fails for a while chokes those that asked, says so, verifies, and serves on by itself', async () => {
    const { sim, seeder, leecher } = await pair(1)
    seeder.disk.setFault('read', 'disk.io')
    pass(sim, 20 * SECONDS)
    expect(leecher.session.isComplete).toBe(false)
    expect(leecher.session.snapshot().peers[0]).toMatchObject({ inFlight: 0 })
    expect(seen(sim, 1, 'disk_doubt')[0]).toMatchObject({ code: 'disk.io' })
    expect(seen(sim, 1, 'choke')[0]).toMatchObject({ reason: expect.stringContaining('cannot read') })
    seeder.disk.setFault('read')

    sim.runUntil(() => isComplete(leecher) && seeder.session.snapshot().have === PIECES, {
      withinMs: 3 * MINUTES,
    })

    expect(isSame(leecher, sim)).toBe(true)
    expect(seen(sim, 1, 'disk_verdict').at(-1)).toMatchObject({ have: PIECES })
    expect(seen(sim, 1, 'disk_verdict').at(-1)).not.toHaveProperty('retrySeconds')
  })

  test('with a bad sector serves all the rest, and who waits for that piece gets it from another', async () => {
    const { sim, seeder, leecher } = await pair(2)
    seeder.disk.spoil(PAYLOAD_PATH, 63 * PIECE)
    for (let piece = 0; piece < PIECES; piece++)
      if (!leecher.session.has(piece)) seeder.disk.spoil(PAYLOAD_PATH, piece * PIECE + 1)
    pass(sim, MINUTES)
    const missing = PIECES - leecher.session.snapshot().have
    expect(missing).toBeGreaterThan(0)
    expect(seeder.session.snapshot()).toMatchObject({ state: 'seeding', have: PIECES - missing })
    const other = await sim.seeder({ peers: [leecher] })

    sim.runUntil(() => isComplete(leecher), { withinMs: 3 * MINUTES })

    expect(isSame(leecher, sim)).toBe(true)
    expect(other.session.snapshot().uploaded).toBeLessThanOrEqual(2 * missing * PIECE)
  })

  test('whose file is only touched reads it again, and nobody loses the connection', async () => {
    const { sim, seeder, leecher } = await pair(3)
    pass(sim, 10)
    seeder.disk.writeFile(PAYLOAD_PATH, sim.payload)

    sim.runUntil(() => isComplete(leecher), { withinMs: 3 * MINUTES })

    expect(seen(sim, 1, 'disk_doubt')).toMatchObject([{ code: 'disk.changed', pieces: PIECES }])
    expect(seen(sim, 1, 'disk_verdict')).toMatchObject([{ good: PIECES, bad: 0, have: PIECES }])
    expect(seen(sim, 2, 'peer_left').map(({ reason }) => reason)).toEqual([])
    expect(seen(sim, 2, 'hash_fail')).toEqual([])
  })

  test('whose file has changed in one place serves the rest, and nobody is sent the changed piece', async () => {
    const { sim, seeder, leecher } = await pair(4)
    const changed = Array.from({ length: PIECES }, (_, piece) => piece).findLast(
      (piece) => !leecher.session.has(piece),
    )!
    const changedAt = sim.clock.now()
    seeder.disk.writeFile(PAYLOAD_PATH, withOther(sim, changed))

    sim.runUntil(() => leecher.session.snapshot().have === PIECES - 1, { withinMs: 3 * MINUTES })

    expect(seen(sim, 1, 'disk_doubt')[0]!.at - changedAt).toBeLessThan(2 * SECONDS + 100)
    expect(seen(sim, 1, 'disk_verdict')).toMatchObject([{ good: PIECES - 1, bad: 1, have: PIECES - 1 }])
    expect(leecher.session.has(changed)).toBe(false)
    pass(sim, 5 * MINUTES)
    expect(seen(sim, 2, 'hash_fail')).toEqual([])
    expect(leecher.session.snapshot().peers[0]).toMatchObject({ have: PIECES - 1, inFlight: 0 })
  })

  test.each([
    ['that nobody asks for anything notices what was written and dated back', 10 * SECONDS],
    ['that was complete a moment ago notices it, too', 0],
  ])('%s', async (_what, restMs) => {
    const sim = new SimSwarm({ seed: 10, hashes, payloadBytes: PIECES * PIECE })
    const source = await sim.seeder()
    const seeder = await sim.leecher({ peers: [source] })
    sim.runUntil(() => isComplete(seeder), { withinMs: 3 * MINUTES })
    pass(sim, restMs)
    const { modifiedAt } = seeder.disk.stat(PAYLOAD_PATH)!
    pass(sim, 2 * SECONDS)
    seeder.disk.writeSpans([{ path: PAYLOAD_PATH, offset: 5 * PIECE, length: PIECE }], new Uint8Array(PIECE))
    seeder.disk.setTime(PAYLOAD_PATH, modifiedAt)
    pass(sim, 20 * SECONDS)
    expect(seeder.session.snapshot().have).toBe(PIECES - 1)
    expect(seen(sim, 2, 'disk_doubt')).toMatchObject([{ code: 'disk.changed', pieces: PIECES }])
  })

  test('that nobody asks for anything notices a change all the same', async () => {
    const sim = new SimSwarm({ seed: 5, hashes, payloadBytes: PIECES * PIECE })
    const seeder = await sim.seeder()
    pass(sim, 5 * SECONDS)
    seeder.disk.writeFile(PAYLOAD_PATH, withOther(sim, 5))
    pass(sim, 20 * SECONDS)
    expect(seeder.session.has(5)).toBe(false)
    expect(seeder.session.snapshot().have).toBe(PIECES - 1)
    const leecher = await sim.leecher({ peers: [seeder] })
    pass(sim, 20 * SECONDS)
    expect(leecher.session.snapshot().have).toBe(PIECES - 1)
  })

  test('whose file is gone tells nobody that it has it, and goes on when it comes back and is verified', async () => {
    const { sim, seeder, leecher } = await pair(6)
    seeder.disk.removeFile(PAYLOAD_PATH)
    pass(sim, 20 * SECONDS)
    const { have } = leecher.session.snapshot()
    expect(have).toBeLessThan(PIECES)
    expect(seen(sim, 1, 'disk_doubt')[0]).toMatchObject({ code: 'disk.missing', pieces: PIECES })
    expect(seeder.session.snapshot()).toMatchObject({ state: 'seeding', have: 0 })
    expect(leecher.session.snapshot().peers[0]?.have ?? 0).toBe(0)
    seeder.disk.writeFile(PAYLOAD_PATH, sim.payload)

    sim.runUntil(() => isComplete(leecher), { withinMs: 3 * MINUTES })

    expect(seen(sim, 1, 'disk_verdict').at(-1)).toMatchObject({ good: PIECES, have: PIECES })
    expect(isSame(leecher, sim)).toBe(true)
  })

  test.each([
    [
      'is gone for good',
      'disk.missing',
      (_sim: SimSwarm, { disk }: SimMachine) => disk.removeFile(PAYLOAD_PATH),
    ],
    [
      'is another one for good',
      'payload.mismatch',
      (sim: SimSwarm, { disk }: SimMachine) => disk.writeFile(PAYLOAD_PATH, sim.payload.toReversed()),
    ],
    [
      'cannot be read for good',
      'disk.io',
      (_sim: SimSwarm, { disk }: SimMachine) => disk.setFault('read', 'disk.io'),
    ],
    [
      'is empty for good',
      'disk.wrong-size',
      (_sim: SimSwarm, { disk }: SimMachine) => disk.writeFile(PAYLOAD_PATH, new Uint8Array(0)),
    ],
  ])('whose file %s ends with %s, but not before a minute', async (_what, code, harm) => {
    const { sim, seeder } = await pair(7)
    const failed = seeder.session.whenFailed()
    harm(sim, seeder)
    pass(sim, PATIENCE_MS - SECONDS)
    expect(seeder.session.snapshot().state).toBe('seeding')
    pass(sim, 30 * SECONDS)
    expect(await failed).toMatchObject({ code })
    expect(seeder.session.snapshot().state).toBe('failed')
  })

  test('that is being copied to anew is waited for as long as something moves', async () => {
    const { sim, seeder, leecher } = await pair(8)
    for (let piece = 0; piece < PIECES; piece += 4) {
      seeder.disk.writeFile(PAYLOAD_PATH, sim.payload.slice(0, piece * PIECE))
      pass(sim, 20 * SECONDS)
    }
    expect(seeder.session.snapshot()).toMatchObject({ state: 'seeding', have: 0 })
    seeder.disk.writeFile(PAYLOAD_PATH, sim.payload)
    sim.runUntil(() => isComplete(leecher), { withinMs: 3 * MINUTES })
  })

  test('that was a leecher a moment ago behaves the same', async () => {
    const { sim, seeder, leecher } = await pair(9)
    sim.runUntil(() => isComplete(leecher), { withinMs: 3 * MINUTES })
    pass(sim, SECONDS)
    void seeder.node.close()
    leecher.disk.writeFile(PAYLOAD_PATH, withOther(sim, 17))
    pass(sim, 30 * SECONDS)
    expect(leecher.session.has(17)).toBe(false)
    const next = await sim.leecher({ peers: [leecher] })
    pass(sim, 30 * SECONDS)
    expect(next.session.snapshot().have).toBe(PIECES - 1)
    expect(seen(sim, 3, 'hash_fail')).toEqual([])
  })
})

describe('a leecher', () => {
  test('whose disk is full keeps connections and pieces, asks for nothing, and goes on when there is room', async () => {
    const { sim, seeder, leecher } = await pair(10)
    leecher.disk.freeBytes = 0
    pass(sim, 2 * SECONDS)
    const before = leecher.session.snapshot()
    pass(sim, 15 * MINUTES)
    const after = leecher.session.snapshot()
    expect(after).toMatchObject({ state: 'downloading', have: before.have, connected: 1 })
    expect(after.downloaded - before.downloaded).toBeLessThan(HIGH_WATER_BYTES)
    expect(seen(sim, 2, 'disk_error')[0]).toMatchObject({ code: 'disk.full', retrySeconds: 1 })
    expect(seen(sim, 2, 'have')).toHaveLength(before.have)
    leecher.disk.freeBytes = Number.MAX_SAFE_INTEGER

    sim.runUntil(() => isComplete(leecher), { withinMs: 3 * MINUTES })

    expect(isSame(leecher, sim)).toBe(true)
    expect(leecher.session.snapshot().wasted).toBe(0)
    expect(seeder.session.snapshot().uploaded).toBe(sim.payload.length)
    expect(seen(sim, 2, 'peer_left')).toEqual([])
  })

  test.each([
    ['permission', 'disk.permission', 1],
    ['its device', 'disk.io', 60],
  ] as const)(
    'that loses %s for good ends with %s, and keeps what it had',
    async (_what, code, withinSeconds) => {
      const { sim, leecher } = await pair(11)
      const failed = leecher.session.whenFailed()
      leecher.disk.setFault('write', code)
      pass(sim, 2 * SECONDS + withinSeconds * SECONDS)
      expect(await failed).toMatchObject({ code })
      leecher.disk.setFault('write')
      const { have } = leecher.session.snapshot()
      expect(seen(sim, 2, 'have')).toHaveLength(have)
      pass(sim, 10 * SECONDS)

      const again = await sim.leecher({ disk: leecher.disk, peers: [await sim.seeder()] })
      sim.runUntil(() => isComplete(again), { withinMs: 3 * MINUTES })

      expect(seen(sim, 4, 'resume')[0]!.have).toBeGreaterThanOrEqual(have)
      expect(isSame(again, sim)).toBe(true)
    },
  )

  test('cannot read what it wrote: it is fetched and written again, before the download counts as complete', async () => {
    const { sim, leecher } = await pair(12)
    const spoilt = Array.from({ length: PIECES }, (_, piece) => piece).find((piece) =>
      leecher.session.has(piece),
    )!
    leecher.disk.spoil(PAYLOAD_PATH, spoilt * PIECE)
    const other = await sim.leecher({ peers: [leecher], session: { cacheBytes: 1 } })

    sim.runUntil(() => isComplete(leecher) && isComplete(other), { withinMs: 10 * MINUTES })

    expect(isSame(leecher, sim)).toBe(true)
    expect(isSame(other, sim)).toBe(true)
  })

  test.each([
    ['is taken away', 'disk.missing', (disk: SimMachine['disk']) => disk.removeFile(PAYLOAD_PATH)],
    [
      'is replaced',
      'disk.changed',
      (disk: SimMachine['disk'], length: number) => disk.writeFile(PAYLOAD_PATH, new Uint8Array(length)),
    ],
  ])('whose file %s ends with %s', async (_what, code, harm) => {
    const { sim, leecher } = await pair(13)
    const failed = leecher.session.whenFailed()
    pass(sim, 5 * SECONDS)
    harm(leecher.disk, sim.payload.length)
    pass(sim, 15 * SECONDS)
    expect(await failed).toMatchObject({ code })
  })
})

describe('a disk that stalls for 30 s', () => {
  test.each(['seeder', 'leecher'] as const)('under a %s costs the time and nothing else', async (who) => {
    const { sim, seeder, leecher } = await pair(14)
    const { disk } = who === 'seeder' ? seeder : leecher
    disk.latencyMs = 30 * SECONDS
    pass(sim, 10)
    disk.latencyMs = 0

    sim.runUntil(() => isComplete(leecher), { withinMs: 2 * MINUTES })

    expect(isSame(leecher, sim)).toBe(true)
    expect(seen(sim, 2, 'peer_left').map(({ reason }) => reason)).toEqual([])
    expect(seen(sim, 2, 'hash_fail')).toEqual([])
  })
})

test.each([1, 5, 20, 60])(
  'a leecher that is stopped %i ms after its last piece was written ends in order',
  async (ms) => {
    const { sim, leecher } = await pair(30)
    const { disk, session } = leecher
    sim.runUntil(() => session.snapshot().have === PIECES - 1, { withinMs: MINUTES })
    disk.latencyMs = 10
    sim.runUntil(() => session.snapshot().have === PIECES, { withinMs: MINUTES })
    sim.clock.runUntil(sim.clock.now() + ms)
    session.whenComplete().catch(() => undefined)

    let isClosed = false
    void session.close().then(() => (isClosed = true))
    pass(sim, MINUTES)
    await Promise.resolve()

    expect(isClosed).toBe(true)
    expect(isSame(leecher, sim)).toBe(true)
    expect(disk.fileNames()).toEqual([PAYLOAD_PATH])
  },
)

test.each([0, 5, 15, 25, 45, 65])(
  'a leecher that is stopped %i ms after its start has given up its files when it says so',
  async (ms) => {
    const sim = new SimSwarm({ seed: 31, hashes, payloadBytes: PIECES * PIECE })
    const leecher = await sim.leecher()
    leecher.disk.latencyMs = 10
    leecher.session.whenComplete().catch(() => undefined)
    sim.clock.runUntil(ms)
    let isClosed = false
    void leecher.node.close().then(() => (isClosed = true))
    while (!isClosed) {
      sim.clock.runUntil(sim.clock.now() + 1)
      for (let turn = 0; turn < 8; turn++) await Promise.resolve()
    }

    const again = await sim.leecher({ disk: leecher.disk })
    sim.runUntil(() => again.session.state !== 'opening', { withinMs: MINUTES })
    expect(again.session.state).toBe('downloading')
  },
)
