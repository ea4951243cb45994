/**
 * `npm run soak`: a swarm of real processes in which leechers join, leave, are killed and come back, while those who stay are
 * watched: memory, file descriptors, threads, timers and handles must stay flat. One of them seeds a hundred torrents that
 * nobody wants, in less than 1 % of a core. Linux.
 *
 *     npm run soak -- [--minutes 60] [--processes 30] [--seed n] [--json]
 *
 * The first quarter is warm-up. Ends with 1 when something grew, a process ended otherwise than it should, or a node was
 * banned, sent a bad piece, or lost log lines.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { enterNamespace } from '../../bench/namespace.ts'
import type { SwarmProcess } from '../../scripts/swarm-process.ts'
import { MIN_RATE } from '../../src/app/config.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { Scratch } from '../support/scratch.ts'
import { Churner } from './churner.ts'
import { report, type SoakResult } from './report.ts'
import { BOOTSTRAP, dhtAddress, makeTorrent, SoakSwarm, tcpAddress, type Place } from './swarm.ts'
import { Tally } from './tally.ts'
import { judge } from './verdict.ts'
import { Watched } from './watched.ts'

const MIB = 2 ** 20
const BUSY_BYTES = 32 * MIB
const SLOW_BYTES = 64 * MIB
/** What a place may have on disk at one time. */
const PLACE_BYTES = BUSY_BYTES + SLOW_BYTES
/** So many processes of the swarm are for each seeder that stays, and for each leecher that stays as a seeder. */
const PROCESSES_PER_SEEDER = 10
const MAX_PROCESSES = 50
const IDLE_SEEDS = 100
const MAX_IDLE_PERCENT = 1
const WARM_UP_SHARE = 0.25
/** After which nodes ask the DHT as rarely as they ever do: what they use of the processor counts from here. */
const SETTLE_SECONDS = 75
/** Means of so many spans make a slope. */
const SPANS = 60
const MAX_SAMPLE_SECONDS = 5
const PATIENCE_MS = 60_000
const PROGRESS_MS = 60_000
const IDLE_SEEDS_PROGRAM = fileURLToPath(new URL('idle-seeds.ts', import.meta.url))

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    processes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    json: { type: 'boolean', default: false },
  },
})
const note = (line: string): void => void process.stderr.write(`${line}\n`)

interface Plan {
  readonly seconds: number
  readonly processes: number
  readonly seed: number
}

async function soak({ seconds, processes, seed }: Plan): Promise<SoakResult> {
  const startedAt = performance.now()
  const now = (): number => (performance.now() - startedAt) / 1_000
  const random = new SeededRandom(seed)
  const tally = new Tally()
  const swarm = new SoakSwarm(tally)
  const scratch = new Scratch({ purpose: 'soak', neededBytes: (processes + 2) * PLACE_BYTES })
  const busy = await makeTorrent(scratch.freshFolder(), 'busy.bin', BUSY_BYTES)
  const slow = await makeTorrent(scratch.freshFolder(), 'slow.bin', SLOW_BYTES)

  const watched: Watched[] = []
  let place = BOOTSTRAP.number
  const nextPlace = (): Place => ({ number: ++place })
  const watch = (name: string, child?: SwarmProcess): void =>
    void watched.push(new Watched(name, child, { spanSeconds: Math.max(2, seconds / SPANS), now }))
  const stay = async (name: string, event: string, start: (at: Place) => SwarmProcess): Promise<Place> => {
    const at = nextPlace()
    const child = start(at)
    watch(name, child)
    await child.waitFor(event, PATIENCE_MS)
    return at
  }
  const staying = Math.max(1, Math.round(processes / PROCESSES_PER_SEEDER))
  const keep = ['-keep', '-1', '-max-up', '8MiB']

  watch('bootstrap', swarm.startBootstrap())
  let known = BOOTSTRAP
  for (let number = 1; number <= staying; number++)
    known = await stay(`seeder ${number}`, 'complete', (at) =>
      swarm.startNode(`seeder ${number}`, at, ['-seed', busy.path, ...keep]),
    )
  await stay('slow seeder', 'complete', (at) =>
    swarm.startNode('slow seeder', at, ['-seed', slow.path, ...keep]),
  )
  for (let number = 1; number <= staying; number++)
    await stay(`finished leecher ${number}`, 'complete', (at) =>
      swarm.startNode(`finished leecher ${number}`, at, [
        ...['-get', busy.source, '-dest', scratch.freshFolder(), '-peer', tcpAddress(known)],
        ...keep,
      ]),
    )
  // It takes longer than the soak, so that it downloads all the time.
  const slowRate = String(Math.max(MIN_RATE, Math.floor(SLOW_BYTES / (1.2 * seconds))))
  await stay('slow leecher', 'listen', (at) =>
    swarm.startNode('slow leecher', at, [
      ...['-get', slow.source, '-dest', scratch.freshFolder(), '-max-down', slowRate],
      ...keep,
    ]),
  )
  await stay('idle seeds', 'complete', (at) =>
    swarm.start(
      'idle seeds',
      [scratch.freshFolder(), String(IDLE_SEEDS), tcpAddress(at), dhtAddress(at), dhtAddress(BOOTSTRAP)],
      IDLE_SEEDS_PROGRAM,
    ),
  )
  const idle = watched.at(-1)!
  const places = processes - watched.length
  watch('this test')

  const over = new AbortController()
  const churn = Array.from({ length: Math.max(1, places) }, () => {
    const { number } = nextPlace()
    const folder = join(scratch.folder, `place-${number}`)
    const own = random.fork(`place ${number}`)
    return new Churner({ number, random: own, swarm, tally, folder, torrents: [busy, slow], known }).run(
      over.signal,
    )
  })
  note(`seed ${seed}: ${watched.length - 1} stay, ${churn.length} places for those who come and go`)

  const warmUpSeconds = WARM_UP_SHARE * seconds
  const sampleMs = 1_000 * Math.min(MAX_SAMPLE_SECONDS, seconds / SPANS / 2)
  let nextNote = PROGRESS_MS / 1_000
  while (now() < seconds) {
    await delay(sampleMs)
    for (const one of watched) one.sample(now() >= Math.max(warmUpSeconds, SETTLE_SECONDS))
    if (now() < nextNote) continue
    nextNote += PROGRESS_MS / 1_000
    note(`  ${Math.round(now() / 60)} min: ${tally.count('joined_to_peer')} joins, ${tally.ends}`)
  }
  for (const { epitaph } of watched) if (epitaph !== undefined) tally.find(epitaph)
  over.abort()
  await Promise.all(churn)

  if (idle.cpuPercent >= MAX_IDLE_PERCENT)
    tally.find(`${IDLE_SEEDS} idle seeds take ${idle.cpuPercent.toFixed(2)} % of a core`)
  return {
    seed,
    minutes: seconds / 60,
    warmUpMinutes: warmUpSeconds / 60,
    ends: tally.ends,
    joins: tally.count('joined_to_peer'),
    pieces: tally.count('have'),
    cpu: watched.map(({ name, cpuPercent }) => ({ process: name, percent: cpuPercent })),
    verdicts: watched.flatMap((one) => judge(one, warmUpSeconds)),
    findings: [...tally.findings, ...(tally.unkept > 0 ? [`${tally.unkept} more`] : [])],
  }
}

async function main(): Promise<void> {
  const [minutes, processes, seed] = [values.minutes, values.processes, values.seed].map(Number) as [
    number,
    number,
    number,
  ]
  if (!(minutes >= 2) || !Number.isInteger(seed))
    throw new Error('--minutes takes 2 or more, --seed a number')
  if (!(processes >= 8 && processes <= MAX_PROCESSES))
    throw new Error(`--processes takes 8 to ${MAX_PROCESSES}`)
  enterNamespace(undefined)
  const result = await soak({ seconds: 60 * minutes, processes, seed })
  process.stdout.write(`${values.json ? JSON.stringify(result) : report(result)}\n`)
  process.exit(result.findings.length > 0 || result.verdicts.some(({ isPassed }) => !isPassed) ? 1 : 0)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`soak failed: ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}
