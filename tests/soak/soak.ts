/**
 * `npm run soak`: a swarm of real processes in which leechers join, leave, are killed and come back, while those who stay are
 * watched: memory, file descriptors, threads, timers and handles must stay flat. One of them seeds a hundred torrents that
 * nobody wants, and mostly sleeps. Linux.
 *
 *     npm run soak -- [--minutes 60] [--processes 30] [--seed n] [--json]
 *
 * The first quarter is warm-up. Ends with 1 when something grew, a process ended otherwise than it should, or a node was
 * banned, sent a bad piece, or lost log lines.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { enterNamespace } from '../../bench/namespace.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { Scratch } from '../support/scratch.ts'
import { Churner } from './churner.ts'
import { report, type SoakResult } from './report.ts'
import { IDLE_SEEDS, Residents } from './residents.ts'
import { BOOTSTRAP, makeTorrent, SoakSwarm, type Place } from './swarm.ts'
import { Tally } from './tally.ts'
import { judge } from './verdict.ts'
import { Watched } from './watched.ts'

const MIB = 2 ** 20
const BUSY_BYTES = 32 * MIB
const SLOW_BYTES = 64 * MIB
/** What a place may have on disk at one time. */
const PLACE_BYTES = BUSY_BYTES + SLOW_BYTES
const MAX_PROCESSES = 50
/** Wakes are judged and time is not: a machine that is slow for a minute takes 0.4 % of a core or 1.1 for the same work. */
const MAX_IDLE_WAKES_PER_SECOND = 50
const WARM_UP_SHARE = 0.25
/** After which nodes ask the DHT as rarely as they ever do: what they use of the processor counts from here. */
const SETTLE_SECONDS = 75
/** Means of so many spans make a slope. */
const SPANS = 60
const MIN_SPAN_SECONDS = 2
const MAX_SAMPLE_SECONDS = 5

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
  const tally = new Tally()
  const swarm = new SoakSwarm(tally)
  const scratch = new Scratch({ purpose: 'soak', neededBytes: (processes + 2) * PLACE_BYTES })
  const busy = await makeTorrent(scratch.freshFolder(), 'busy.bin', BUSY_BYTES)
  const slow = await makeTorrent(scratch.freshFolder(), 'slow.bin', SLOW_BYTES)
  let place = BOOTSTRAP.number
  const nextPlace = (): Place => ({ number: ++place })

  const residents = await Residents.start({ swarm, scratch, nextPlace, processes, seconds, busy, slow })
  const spanSeconds = Math.max(MIN_SPAN_SECONDS, seconds / SPANS)
  const watched = [...residents.processes, undefined].map(
    (resident) => new Watched(resident, { spanSeconds, now }),
  )
  const idle = watched[residents.processes.indexOf(residents.idle)]!

  const over = new AbortController()
  const random = new SeededRandom(seed)
  const churners = Array.from({ length: Math.max(1, processes - residents.processes.length) }, () => {
    const { number } = nextPlace()
    return new Churner({
      number,
      random: random.fork(`place ${number}`),
      swarm,
      tally,
      folder: join(scratch.folder, `place-${number}`),
      torrents: [busy, slow],
      known: residents.seeder,
    })
  })
  const churn = churners.map((churner) => churner.run(over.signal))
  note(`seed ${seed}: ${residents.processes.length} stay, ${churn.length} places for those who come and go`)

  const warmUpSeconds = WARM_UP_SHARE * seconds
  const sampleMs = 1_000 * Math.min(MAX_SAMPLE_SECONDS, seconds / SPANS / 2)
  for (let notedMinutes = 0; now() < seconds;) {
    await delay(sampleMs)
    for (const one of watched) one.sample(now() >= Math.max(warmUpSeconds, SETTLE_SECONDS))
    if (now() < 60 * (notedMinutes + 1)) continue
    notedMinutes++
    note(`  ${notedMinutes} min: ${tally.count('joined_to_peer')} joins, ${tally.ends}`)
  }
  for (const { epitaph } of watched) if (epitaph !== undefined) tally.find(epitaph)
  over.abort()
  await Promise.all(churn)

  if (!(idle.wakesPerSecond <= MAX_IDLE_WAKES_PER_SECOND))
    tally.find(`${IDLE_SEEDS} idle seeds wake up ${idle.wakesPerSecond.toFixed(1)} times a second`)
  return {
    seed,
    minutes: seconds / 60,
    warmUpMinutes: warmUpSeconds / 60,
    ends: tally.ends,
    joins: tally.count('joined_to_peer'),
    pieces: tally.count('have'),
    processor: watched.map(({ name, cpuPercent, wakesPerSecond }) => ({
      process: name,
      percent: cpuPercent,
      wakesPerSecond,
    })),
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
