/** What each policy costs when the process dies, when the power fails, and when nothing does; whole sessions on disks in memory. */
import { describe, expect, test } from 'vitest'
import { SimSwarm, PAYLOAD_PATH, type SimMachine } from '../../src/app/sim/swarm.ts'
import { SYNC_POLICIES, type SyncPolicy } from '../../src/app/sync-policy.ts'
import { hashes } from '../support/hashes.ts'

const PIECE = 16_384
const PIECES = 300
const MINUTE = 60_000
const SEEDS = Array.from({ length: 3 }, (_, index) => index + 1)

/** A leecher gets 25 pieces a second. */
async function pair(seed: number, sync: SyncPolicy) {
  const sim = new SimSwarm({ seed, hashes, payloadBytes: PIECES * PIECE, pieceLength: PIECE })
  const seeder = await sim.seeder({ node: { maxUp: 25 * PIECE } })
  const leecher = await sim.leecher({ peers: [seeder], session: { sync } })
  return { sim, seeder, leecher, sync }
}

const linesOf = (sim: SimSwarm, machine: number, event: string): Record<string, unknown>[] =>
  sim.log
    .filter((line) => line.includes(` machine ${machine} {"event":"${event}"`))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)

/** The same machine's next process, with whatever the last one left. */
async function again(
  { sim, seeder, leecher, sync }: Awaited<ReturnType<typeof pair>>,
  machine: number,
): Promise<{ next: SimMachine; resumed: Record<string, unknown> }> {
  const next = await sim.leecher({ disk: leecher.disk, peers: [seeder], session: { sync } })
  sim.runUntil(() => linesOf(sim, machine, 'resume').length > 0, { withinMs: MINUTE })
  return { next, resumed: linesOf(sim, machine, 'resume')[0]! }
}

const isRight = (sim: SimSwarm, { session, disk }: SimMachine): boolean => {
  const bytes = disk.readFile(PAYLOAD_PATH)!
  for (let piece = 0; piece < PIECES; piece++) {
    const [from, to] = [piece * PIECE, (piece + 1) * PIECE]
    if (session.has(piece) && !Buffer.from(bytes.subarray(from, to)).equals(sim.payload.subarray(from, to)))
      return false
  }
  return true
}

describe.each(SYNC_POLICIES)('with -sync %s', (sync) => {
  test.each(SEEDS)(
    'a killed process loses no piece that it announced, and reads a sample (seed %i)',
    async (seed) => {
      const run = await pair(seed, sync)
      run.sim.clock.runUntil(3_000 + 1_333 * seed)
      const announced = linesOf(run.sim, 2, 'have').length
      run.leecher.disk.kill()
      const { next, resumed } = await again(run, 3)
      expect(announced).toBeGreaterThan(50)
      expect(resumed['have']).toBeGreaterThanOrEqual(announced)
      expect(resumed['checked']).toBeLessThanOrEqual(32)
      expect(isRight(run.sim, next)).toBe(true)
    },
  )

  test.each(SEEDS)(
    'after a power cut nothing is believed that is not on the disk (seed %i)',
    async (seed) => {
      const run = await pair(seed, sync)
      run.sim.clock.runUntil(3_000 + 1_333 * seed)
      const announced = linesOf(run.sim, 2, 'have').length
      run.leecher.disk.crash()
      const { next, resumed } = await again(run, 3)
      expect(isRight(run.sim, next)).toBe(true)
      if (sync === 'piece') expect(resumed['have']).toBeGreaterThanOrEqual(announced)
      if (sync === 'interval') expect(resumed['have']).toBeGreaterThanOrEqual(announced - 130)
      if (sync === 'interval') expect(resumed['checked']).toBeLessThanOrEqual(130 + 32)
      run.sim.runUntil(() => next.session.isComplete, { withinMs: MINUTE })
      expect(Buffer.from(next.file()!).equals(run.sim.payload)).toBe(true)
    },
  )
})

const RESUME_PATH = '/data/.payload.bitswarm-resume'

test('what is complete is durable and forgotten, but with -sync none', async () => {
  for (const sync of SYNC_POLICIES) {
    const { sim, leecher } = await pair(1, sync)
    sim.runUntil(() => linesOf(sim, 2, 'complete').length > 0, { withinMs: MINUTE })
    expect([sync, leecher.disk.isDurable(PAYLOAD_PATH)]).toEqual([sync, sync !== 'none'])
    expect(leecher.disk.fileNames()).toEqual(sync === 'none' ? [RESUME_PATH, PAYLOAD_PATH] : [PAYLOAD_PATH])
  }
})

test('what was complete with -sync none is mended after a power cut that left no piece right, and forgotten once it is on disk', async () => {
  const run = await pair(1, 'none')
  const { sim, leecher } = run
  sim.runUntil(() => linesOf(sim, 2, 'complete').length > 0, { withinMs: MINUTE })
  // Everything happens to reach the disk, but not as it was.
  leecher.disk.syncFiles([PAYLOAD_PATH])
  leecher.disk.crash()
  const file = leecher.disk.readFile(PAYLOAD_PATH)!
  for (let piece = 0; piece < PIECES; piece++) file[piece * PIECE]! ^= 1
  leecher.disk.writeSpans([{ path: PAYLOAD_PATH, offset: 0, length: file.length }], file)

  const { next, resumed } = await again(run, 3)
  expect(resumed).toMatchObject({ have: 0, checked: PIECES })
  sim.runUntil(() => linesOf(sim, 3, 'complete').length > 0, { withinMs: MINUTE })
  expect(Buffer.from(next.file()!).equals(sim.payload)).toBe(true)

  next.disk.syncFiles([PAYLOAD_PATH])
  next.disk.crash()
  await again({ ...run, leecher: next }, 4)
  sim.runUntil(() => linesOf(sim, 4, 'complete').length > 0, { withinMs: MINUTE })
  expect(next.disk.fileNames()).toEqual([PAYLOAD_PATH])
})

test('with -sync none an orderly end is enough while the machine is up, and not afterwards', async () => {
  for (const isPowerCut of [false, true]) {
    const run = await pair(2, 'none')
    run.sim.clock.runUntil(6_000)
    const closed = run.leecher.session.close()
    run.sim.clock.runUntil(7_000)
    await closed
    if (isPowerCut) run.leecher.disk.crash()
    const { next, resumed } = await again(run, 3)
    const announced = linesOf(run.sim, 2, 'have').length
    // The file's name may be lost, too.
    if (isPowerCut) expect([0, announced]).toContain(resumed['checked'])
    else expect([resumed['have'], resumed['checked']]).toEqual([announced, 16])
    expect(isRight(run.sim, next)).toBe(true)
  }
})

describe('a complete download that is remembered', () => {
  const complete = async (remembersComplete: boolean) => {
    const sim = new SimSwarm({ seed: 5, hashes, payloadBytes: PIECES * PIECE, pieceLength: PIECE })
    const seeder = await sim.seeder()
    const session = { remembersComplete }
    const leecher = await sim.leecher({ peers: [seeder], session })
    sim.runUntil(() => linesOf(sim, 2, 'complete').length > 0, { withinMs: MINUTE })
    leecher.disk.kill()
    const next = await sim.leecher({ disk: leecher.disk, session })
    sim.runUntil(() => linesOf(sim, 3, 'complete').length > 0, { withinMs: MINUTE })
    return { sim, next, resumed: linesOf(sim, 3, 'resume')[0]! }
  }

  test('is served again after a sample of it was read', async () => {
    const { next, resumed } = await complete(true)
    expect(resumed).toMatchObject({ have: PIECES, checked: 16, source: 'resume' })
    expect(next.disk.fileNames()).toEqual(['/data/.payload.bitswarm-resume', PAYLOAD_PATH])
  })

  test('and one that is not is read', async () => {
    const { resumed } = await complete(false)
    expect(resumed).toMatchObject({ have: PIECES, checked: PIECES, source: 'check' })
  })

  test('is not believed when the file was touched since', async () => {
    const { sim, next } = await complete(true)
    next.disk.kill()
    sim.clock.runUntil(sim.clock.now() + 5_000)
    next.disk.writeSpans(
      [{ path: PAYLOAD_PATH, offset: 100 * PIECE, length: 1 }],
      Uint8Array.of(~sim.payload[100 * PIECE]!),
    )
    const last = await sim.leecher({ disk: next.disk, session: { remembersComplete: true } })
    sim.runUntil(() => linesOf(sim, 4, 'resume').length > 0, { withinMs: MINUTE })
    expect(linesOf(sim, 4, 'resume')[0]).toMatchObject({ have: PIECES - 1 })
    expect(last.session.has(100)).toBe(false)
  })
})
