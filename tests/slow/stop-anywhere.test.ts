/** Whoever is told to stop, at whatever moment, ends in order: nothing is asked of a closed payload, and nothing is lost. */
import { expect, test } from 'vitest'
import { PAYLOAD_PATH, SimSwarm, type SimMachine } from '../../src/app/sim/swarm.ts'
import type { SyncPolicy } from '../../src/app/sync-policy.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { LOOK_INTERVAL_MS } from '../../src/storage/file-watch.ts'
import { hashes } from '../support/hashes.ts'

const MINUTE = 60_000
const PIECE = 16_384
const PIECES = 6
/** So that every operation of the disk is something that a stop can come into. */
const DISK_LATENCY = 30
/** More than any story has. */
const MAX_EVENTS = 2_000

interface Story {
  /** What lies on the leecher's disk. */
  readonly has?: string
  readonly sync?: SyncPolicy
  /** What goes wrong after so many events. */
  readonly harm?: {
    readonly afterEvents: number
    readonly cause: (leecher: SimMachine, sim: SimSwarm) => void
  }
}

interface Pair {
  readonly sim: SimSwarm
  /** It gets the payload from one, and passes it on to another. */
  readonly leecher: SimMachine
}

async function begin({ has, sync }: Story): Promise<Pair> {
  const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: PIECES * PIECE, pieceLength: PIECE })
  const seeder = await sim.seeder({ up: 4 * PIECE })
  const leecher = await sim.leecher({
    ...(has !== undefined && { has }),
    peers: [seeder],
    // Too little to keep anything: what others want is read.
    session: { sync, cacheBytes: 1 },
  })
  await sim.leecher({ peers: [leecher] })
  leecher.disk.latencyMs = DISK_LATENCY
  leecher.session.whenComplete().catch(() => undefined)
  return { sim, leecher }
}

function pass({ sim, leecher }: Pair, { harm }: Story, events: number): void {
  for (let event = 0; event < events; event++) {
    if (event === harm?.afterEvents) harm.cause(leecher, sim)
    sim.clock.step()
  }
}

/** How many events there are until nothing happens any more but looks at files. */
async function eventsOf(story: Story): Promise<number> {
  const pair = await begin(story)
  let events = 0
  for (let lastNews = 0, lines = 0; pair.sim.clock.now() < lastNews + 1.5 * LOOK_INTERVAL_MS; events++) {
    if (events === story.harm?.afterEvents) story.harm.cause(pair.leecher, pair.sim)
    pair.sim.clock.step()
    if (pair.sim.log.length > lines) lastNews = pair.sim.clock.now()
    lines = pair.sim.log.length
    if (events > MAX_EVENTS) throw new Error(`no end after ${events} events: ${pair.sim.log.at(-1)}`)
  }
  return events
}

async function stopAfter(story: Story, events: number): Promise<void> {
  const pair = await begin(story)
  const { sim, leecher } = pair
  pass(pair, story, events)
  const had = leecher.session.snapshot().have
  let isClosed = false
  void leecher.node.close().then(() => (isClosed = true))
  for (let round = 0; round < 200 && !isClosed; round++) {
    sim.clock.runUntil(sim.clock.now() + 10)
    for (let turn = 0; turn < 8; turn++) await Promise.resolve()
  }
  const after = `stopped after ${events} events`
  expect(isClosed, after).toBe(true)

  const again = await sim.leecher({ disk: leecher.disk, peers: [await sim.seeder()] })
  sim.runUntil(() => again.session.snapshot().state !== 'opening', { withinMs: MINUTE })
  expect(again.session.snapshot().state, after).toMatch(/downloading|seeding/)
  expect(again.session.snapshot().have, after).toBeGreaterThanOrEqual(had)
  sim.runUntil(() => again.session.isComplete, { withinMs: MINUTE })
  // The files beside it go last.
  sim.runUntil(() => leecher.disk.fileNames().length === 1, { withinMs: MINUTE })
  expect(leecher.disk.fileNames(), after).toEqual([PAYLOAD_PATH])
  expect(bytesEqual(again.file()!, sim.payload), after).toBe(true)
}

test.each<[string, Story]>([
  ['has nothing at first', {}],
  ['has everything already', { has: '######' }],
  ['makes each piece durable', { sync: 'piece' }],
  ['makes nothing durable', { sync: 'none' }],
  [
    'cannot read what it wrote',
    { harm: { afterEvents: 60, cause: ({ disk }) => disk.spoil(PAYLOAD_PATH, 0) } },
  ],
  [
    'finds its file touched when it has everything',
    {
      has: '######',
      harm: { afterEvents: 60, cause: ({ disk }, { payload }) => disk.writeFile(PAYLOAD_PATH, payload) },
    },
  ],
])(
  'a leecher that %s may be stopped after any event: it ends in order, and goes on from there',
  async (_what, story) => {
    const events = await eventsOf(story)
    for (let event = 0; event <= events; event++) await stopAfter(story, event)
  },
)
