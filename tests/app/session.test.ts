/** What a session promises, on simulated networks and disks. */
import { describe, expect, test } from 'vitest'
import { PAYLOAD_PATH, SimSwarm, type SimMachine, type SimNode } from '../../src/app/sim/swarm.ts'
import type { Session } from '../../src/app/session.ts'
import { buildMetainfo } from '../../src/metainfo/build.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'

const MINUTES = 60_000
const PIECE = 65_536

/** Events of one name, parsed; all of them when no name is given. */
function events(sim: SimSwarm, name: string): Record<string, unknown>[] {
  return sim.log
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
    .filter(({ event }) => event === name)
}

function isSame(file: Uint8Array | undefined, { payload }: SimSwarm): boolean {
  return file !== undefined && bytesEqual(file, payload)
}

/** Lets time pass until the promise is settled, and returns what it was rejected with. */
async function rejection(sim: SimSwarm, promise: Promise<void>): Promise<{ code: string; message: string }> {
  let error: unknown
  promise.catch((reason: unknown) => (error = reason))
  for (let i = 0; i < 1_000 && error === undefined; i++) {
    sim.clock.runUntil(sim.clock.now() + 1_000)
    await Promise.resolve()
  }
  return error as { code: string; message: string }
}

async function pair(sim: SimSwarm): Promise<{ seeder: SimMachine; leecher: SimMachine }> {
  const seeder = await sim.seeder({ up: 2 ** 20 })
  return { seeder, leecher: await sim.leecher({ peers: [seeder] }) }
}

test('complete data is checked, found complete and served', async () => {
  const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: 8 * PIECE })
  const full = await sim.machine({ has: '########' })
  const leecher = await sim.leecher({ peers: [full] })

  sim.runUntil(() => events(sim, 'complete').length === 2, { withinMs: MINUTES })

  expect(leecher.session.isComplete).toBe(true)
  expect(events(sim, 'resume')).toContainEqual(
    expect.objectContaining({ have: 8, checked: 8, source: 'check' }),
  )
})

test('what is good of half a payload is kept, the rest is fetched', async () => {
  const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: 8 * PIECE })
  const seeder = await sim.seeder()
  const half = await sim.machine({ has: '#.#.#.#.', peers: [seeder] })

  sim.runUntil(() => half.session.isComplete, { withinMs: MINUTES })

  expect(isSame(half.file(), sim)).toBe(true)
  expect(half.session.snapshot().downloaded).toBe(4 * PIECE)
})

describe('a process that dies in mid-download', () => {
  async function dieAndReturn(
    how: 'kill' | 'crash',
  ): Promise<{ sim: SimSwarm; again: SimMachine; before: number }> {
    const sim = new SimSwarm({ seed: 2, hashes, payloadBytes: 256 * PIECE })
    const { seeder, leecher } = await pair(sim)
    sim.runUntil(() => leecher.session.snapshot().have >= 128, { withinMs: 5 * MINUTES })
    const before = leecher.session.snapshot().have
    leecher.disk[how]()
    sim.streams.partition(leecher.host.address, seeder.host.address)
    const again = await sim.leecher({ disk: leecher.disk, peers: [seeder] })
    sim.runUntil(() => again.session.isComplete, { withinMs: 5 * MINUTES })
    return { sim, again, before }
  }

  test('goes on where it was: after a kill nothing that was written is fetched again', async () => {
    const { sim, again, before } = await dieAndReturn('kill')

    expect(isSame(again.file(), sim)).toBe(true)
    expect(again.session.snapshot().downloaded).toBeLessThanOrEqual((256 - before) * PIECE)
  })

  test('after the power failed, what was lost is fetched again, and only that', async () => {
    const { sim, again } = await dieAndReturn('crash')

    expect(isSame(again.file(), sim)).toBe(true)
    expect(again.session.snapshot().downloaded).toBeLessThan(256 * PIECE)
  })
})

test('a session that is closed in mid-download goes on without reading everything again', async () => {
  const sim = new SimSwarm({ seed: 3, hashes, payloadBytes: 256 * PIECE })
  const { seeder, leecher } = await pair(sim)
  sim.runUntil(() => leecher.session.snapshot().have >= 100, { withinMs: 5 * MINUTES })
  const closed = leecher.session.close()
  sim.clock.runUntil(sim.clock.now() + 1_000)
  await closed

  const again = await sim.leecher({ disk: leecher.disk, peers: [seeder] })
  sim.runUntil(() => again.session.isComplete, { withinMs: 5 * MINUTES })

  const resumed = events(sim, 'resume').at(-1)!
  expect(resumed['source']).toBe('resume')
  expect(resumed['have']).toBeGreaterThanOrEqual(100)
  expect(resumed['checked']).toBeLessThanOrEqual(16)
  expect(isSame(again.file(), sim)).toBe(true)
})

test('who alone sends a bad piece is banned with the evidence, and the piece comes from another', async () => {
  const sim = new SimSwarm({ seed: 4, hashes, payloadBytes: 8 * PIECE })
  const liar = await sim.seeder({ session: { check: 'none' } })
  liar.disk.flipBit(PAYLOAD_PATH, 3 * PIECE + 5)
  const leecher = await sim.leecher({ peers: [liar] })
  sim.runUntil(() => events(sim, 'peer_banned').length > 0, { withinMs: MINUTES })
  const honest = await sim.seeder({ peers: [leecher] })
  sim.runUntil(() => leecher.session.isComplete, { withinMs: MINUTES })

  expect(events(sim, 'hash_fail')).toMatchObject([{ piece: 3, peers: [liar.address] }])
  expect(events(sim, 'peer_banned')).toMatchObject([{ peer: liar.address, pieces: [3] }])
  expect(isSame(leecher.file(), sim)).toBe(true)
  expect(honest.session.snapshot().uploaded).toBeGreaterThanOrEqual(PIECE)
})

describe('when the disk fails', () => {
  test('data whose sync failed is vouched for by nobody: the next start checks it', async () => {
    const sim = new SimSwarm({ seed: 21, hashes, payloadBytes: 256 * PIECE })
    const { seeder, leecher } = await pair(sim)
    sim.clock.runUntil(4_000)
    leecher.disk.setFault('sync', 'disk.io')
    sim.clock.runUntil(8_000)
    leecher.disk.setFault('sync')
    const had = leecher.session.snapshot().have
    expect(await rejection(sim, leecher.session.whenComplete())).toMatchObject({ code: 'disk.io' })

    const again = await sim.leecher({ disk: leecher.disk, peers: [seeder] })
    sim.runUntil(() => again.session.isComplete, { withinMs: 5 * MINUTES })
    expect(had).toBeGreaterThan(32)
    expect(events(sim, 'resume').at(-1)!['checked']).toBeGreaterThanOrEqual(had)
    expect(isSame(again.file(), sim)).toBe(true)
  })

  test('a full one is waited for: the download goes on when there is space again', async () => {
    const sim = new SimSwarm({ seed: 5, hashes, payloadBytes: 64 * PIECE })
    const { leecher } = await pair(sim)
    sim.runUntil(() => leecher.session.snapshot().have > 8, { withinMs: MINUTES })
    leecher.disk.setFault('write', 'disk.full')
    sim.clock.runUntil(sim.clock.now() + 30_000)
    expect(leecher.session.state).toBe('downloading')
    expect(events(sim, 'disk_error')[0]).toMatchObject({ code: 'disk.full', retrySeconds: 1 })

    leecher.disk.setFault('write')
    sim.runUntil(() => leecher.session.isComplete, { withinMs: 5 * MINUTES })
    expect(isSame(leecher.file(), sim)).toBe(true)
  })

  test('a full one, and not that there are no peers, is why a download that may not wait gives up', async () => {
    const sim = new SimSwarm({ seed: 5, hashes, payloadBytes: 64 * PIECE })
    const seeder = await sim.seeder({ up: 2 ** 20 })
    const leecher = await sim.leecher({ peers: [seeder], session: { timeoutMs: 10_000 } })
    sim.runUntil(() => leecher.session.snapshot().have > 8, { withinMs: MINUTES })
    leecher.disk.setFault('write', 'disk.full')

    expect(await rejection(sim, leecher.session.whenComplete())).toMatchObject({ code: 'disk.full' })
  })

  test('one that may not be written to ends the session', async () => {
    const sim = new SimSwarm({ seed: 6, hashes, payloadBytes: 64 * PIECE })
    const { leecher } = await pair(sim)
    leecher.disk.setFault('write', 'disk.permission')

    expect(await rejection(sim, leecher.session.whenComplete())).toMatchObject({ code: 'disk.permission' })
    expect(leecher.session.state).toBe('failed')
  })

  test('one that is too small is refused before anything is fetched', async () => {
    const sim = new SimSwarm({ seed: 6, hashes, payloadBytes: 64 * PIECE })
    const { disk } = await sim.node()
    disk.freeBytes = 63 * PIECE
    const leecher = await sim.leecher({ disk })

    expect(await rejection(sim, leecher.session.whenComplete())).toMatchObject({ code: 'disk.full' })
  })
})

test('a seeder whose files are not the payload fails', async () => {
  const sim = new SimSwarm({ seed: 7, hashes, payloadBytes: 8 * PIECE })
  const seeder = await sim.machine({ has: '####.###', session: { mode: 'seed', check: 'full' } })

  expect(await rejection(sim, seeder.session.whenComplete())).toMatchObject({
    code: 'payload.mismatch',
    message: expect.stringContaining('piece 4') as string,
  })
})

test('two sessions that write to one place: the second is refused', async () => {
  const sim = new SimSwarm({ seed: 8, hashes })
  const first = await sim.leecher()
  const second = await sim.leecher({ disk: first.disk })

  expect(await rejection(sim, second.session.whenComplete())).toMatchObject({ code: 'disk.locked' })
  expect(first.session.state).toBe('downloading')
})

test('without peers it fails after the timeout, and not before', async () => {
  const sim = new SimSwarm({ seed: 9, hashes })
  const leecher = await sim.leecher({ session: { timeoutMs: 20_000 } })
  sim.clock.runUntil(19_000)
  expect(leecher.session.state).toBe('downloading')

  expect(await rejection(sim, leecher.session.whenComplete())).toMatchObject({ code: 'net.no-peers' })
})

describe('metainfo that comes later', () => {
  async function openLater(sim: SimSwarm, seeder: SimMachine): Promise<{ late: SimNode; session: Session }> {
    const late = await sim.node()
    const { infoHash } = sim.metainfo
    const session = late.node.addMagnet({
      infoHash,
      trackers: [],
      webSeeds: [],
      peers: [seeder.address],
      bootstrap: [],
    })
    sim.runUntil(() => session.snapshot().connected === 1, { withinMs: MINUTES })
    return { late, session }
  }

  test('peers connect before it; what they said of their pieces counts when it is there', async () => {
    const sim = new SimSwarm({ seed: 10, hashes })
    const seeder = await sim.seeder()
    const { late, session } = await openLater(sim, seeder)
    sim.clock.runUntil(sim.clock.now() + 5_000)
    expect(session.state).toBe('waiting')

    session.open({ metainfo: sim.metainfo, path: PAYLOAD_PATH, mode: 'download' })
    sim.runUntil(() => session.isComplete, { withinMs: MINUTES })
    expect(isSame(late.file(), sim)).toBe(true)
    expect(events(sim, 'joined_to_peer').filter(({ direction }) => direction === 'out')).toHaveLength(1)
  })

  test('a peer whose bitfield does not fit it is closed', async () => {
    const sim = new SimSwarm({ seed: 11, hashes, payloadBytes: 64 * PIECE })
    const seeder = await sim.seeder()
    const { session } = await openLater(sim, seeder)
    const other = shorter(sim.metainfo)

    session.open({ metainfo: other, path: PAYLOAD_PATH, mode: 'download' })
    sim.runUntil(() => events(sim, 'peer_left').length > 0, { withinMs: MINUTES })
    expect(events(sim, 'peer_left')[0]).toMatchObject({ reason: 'wire.bad-bitfield' })
  })
})

/** The metainfo of a payload of one piece that claims the same info hash. */
function shorter(metainfo: Metainfo): Metainfo {
  const small = buildMetainfo(
    {
      name: 'payload',
      isSingleFile: true,
      files: [{ path: [], length: PIECE }],
      pieceLength: PIECE,
      digests: metainfo.digests.slice(0, 20),
      isPrivate: false,
    },
    hashes,
  )
  return { ...small, infoHash: metainfo.infoHash }
}

describe('one process', () => {
  test('serves two torrents on one port', async () => {
    const one = new SimSwarm({ seed: 12, hashes, payloadBytes: 8 * PIECE })
    const other = new SimSwarm({ seed: 13, hashes, payloadBytes: 4 * PIECE })
    const server = await one.seeder()
    server.disk.writeFile('/data/other', other.payload)
    server.node.addSession({ metainfo: other.metainfo, path: '/data/other', mode: 'seed', check: 'full' })

    const first = await one.leecher({ peers: [server] })
    const second = await one.node()
    const session = second.node.addSession({
      metainfo: other.metainfo,
      path: '/data/copy',
      mode: 'download',
      peers: [server.address],
    })
    one.runUntil(() => first.session.isComplete && session.isComplete, { withinMs: MINUTES })

    expect(isSame(first.file(), one)).toBe(true)
    expect(isSame(second.disk.readFile('/data/copy'), other)).toBe(true)
  })

  test('refuses a caller who asks for another torrent', async () => {
    const sim = new SimSwarm({ seed: 14, hashes })
    const other = new SimSwarm({ seed: 15, hashes })
    const seeder = await sim.seeder()
    const stranger = await sim.node()
    stranger.node.addSession({
      metainfo: other.metainfo,
      path: PAYLOAD_PATH,
      mode: 'download',
      peers: [seeder.address],
    })
    sim.runUntil(() => events(sim, 'peer_refused').length > 0, { withinMs: MINUTES })

    expect(events(sim, 'peer_refused')[0]).toMatchObject({ reason: 'wire.wrong-info-hash' })
    expect(events(sim, 'joined_to_peer')).toEqual([])
  })

  test('does not connect to itself', async () => {
    const sim = new SimSwarm({ seed: 16, hashes })
    const alone = await sim.node()
    const session = alone.node.addSession({
      metainfo: sim.metainfo,
      path: PAYLOAD_PATH,
      mode: 'download',
      peers: [alone.address],
    })
    sim.clock.runUntil(5 * MINUTES)

    expect(session.snapshot().connected).toBe(0)
    expect(events(sim, 'joined_to_peer')).toEqual([])
  })

  test('keeps to its connections: others wait and get their turn', async () => {
    const sim = new SimSwarm({ seed: 17, hashes, payloadBytes: 8 * PIECE })
    const seeders: SimMachine[] = []
    for (let i = 0; i < 5; i++) seeders.push(await sim.seeder())
    const leecher = await sim.leecher({ peers: seeders, node: { maxPeers: 2 } })
    let most = 0
    sim.runUntil(
      () => {
        most = Math.max(most, leecher.session.snapshot().connected)
        return leecher.session.isComplete
      },
      { withinMs: MINUTES },
    )
    expect(most).toBe(2)
  })
})

test('limits hold: at 1 MiB/s, 4 MiB take 4 s', async () => {
  const sim = new SimSwarm({ seed: 19, hashes, payloadBytes: 4 * 2 ** 20 })
  const seeder = await sim.seeder({ node: { maxUp: 2 ** 20 } })
  const slowUp = await sim.leecher({ peers: [seeder] })
  sim.runUntil(() => slowUp.session.isComplete, { withinMs: MINUTES })
  expect(sim.clock.now()).toBeGreaterThan(3_900)
  expect(sim.clock.now()).toBeLessThan(4_500)

  const fast = await sim.seeder()
  const startedAt = sim.clock.now()
  const slowDown = await sim.leecher({ peers: [fast], node: { maxDown: 2 ** 20 } })
  sim.runUntil(() => slowDown.session.isComplete, { withinMs: MINUTES })
  expect(sim.clock.now() - startedAt).toBeGreaterThan(3_800)
  expect(sim.clock.now() - startedAt).toBeLessThan(4_600)
})

test('an aborted signal closes the session and is what it fails with', async () => {
  const sim = new SimSwarm({ seed: 20, hashes })
  const abort = new AbortController()
  const leecher = await sim.leecher({ session: { signal: abort.signal } })
  sim.clock.runUntil(1_000)
  abort.abort(new Error('enough'))

  expect(await rejection(sim, leecher.session.whenComplete())).toMatchObject({ message: 'enough' })
  expect(leecher.session.state).toBe('closed')
  expect(leecher.node.sessions).toEqual([])
  await expect(sim.leecher({ session: { signal: abort.signal } })).rejects.toThrow('enough')
})
