/** Resident memory with a payload of 64 GiB: of a seeder with many leechers, and of one leecher. */
import { rmSync } from 'node:fs'
import { freePort } from '../../scripts/free-ports.ts'
import { MIB } from '../../scripts/payload.ts'
import type { Bench, BenchCase, Settings } from '../case.ts'
import { ClientProcess } from '../client-process.ts'
import { within } from '../deadline.ts'
import { hostAddress } from '../namespace.ts'
import { bitswarmWords, quietFlags } from '../peers/bitswarm.ts'
import { memory as memoryOf, watchOthers } from '../process-cost.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import { SEEDER_HOST } from '../transfer.ts'
import type { Payload, Workshop } from '../workshop.ts'

const PAYLOAD_MIB = 65_536
/** Bytes after which memory must not grow. */
const FIRST_MIB = 1_024
const PEAK = 'peak MiB'
const GROWTH = 'growth after the first GiB, MiB'
const MAX_PEAK_MIB = 160
/** MiB by which flat memory may vary: garbage collection. */
const MAX_GROWTH_MIB = 8
/** What a leecher among many holds besides the pages of Node's own file, which all processes share. */
const LEECHER_MIB = 150
const DEADLINE_MS = 240_000

interface Plan {
  readonly leechers: number
  /** How much each may have before it is stopped. */
  readonly mib: number
  readonly watched: 'seeder' | 'leecher'
}

/** `--mib` applies to the single leecher; each of the many downloads a thirty-second part of it. */
const plans = ({ mib = 8_192, leechers = [50] }: Settings): readonly Plan[] => [
  { leechers: leechers[0]!, mib: mib / 32, watched: 'seeder' },
  { leechers: 1, mib, watched: 'leecher' },
]

export const memory: BenchCase = {
  name: 'memory',
  title: 'resident memory of a seeder of 64 GiB with 50 leechers, and of a leecher',
  rounds: 1,

  neededMib: (settings) =>
    Math.max(...plans(settings).map(({ leechers, mib }) => leechers * (mib + LEECHER_MIB))),

  async races({ settings, workshop }: Bench): Promise<readonly Race[]> {
    const payload = workshop.sparsePayload(PAYLOAD_MIB)
    return plans(settings).map((plan) => {
      const { leechers, mib, watched } = plan
      return {
        title: `memory: ${leechers} × ${mib} MiB of a sparse payload of 64 GiB`,
        hasWarmUp: false,
        contestants: [{ name: watched, run: () => run(payload, workshop, plan) }],
        promises: [
          { who: watched, title: PEAK, limit: { atMost: MAX_PEAK_MIB } },
          { who: watched, title: GROWTH, limit: { atMost: MAX_GROWTH_MIB } },
        ],
      }
    })
  },
}

async function run(payload: Payload, workshop: Workshop, plan: Plan): Promise<Figures> {
  const address = { host: hostAddress(SEEDER_HOST), port: await freePort(hostAddress(SEEDER_HOST)) }
  const flags = quietFlags({ ...address, scratch: workshop.freshFolder() })
  const seeder = new ClientProcess(bitswarmWords('-seed', payload.path, ...flags))
  const others = watchOthers()
  const leechers: Leecher[] = []
  try {
    await seeder.whenSaid('"event":"complete"')
    const start = performance.now()
    const received = (): number => leechers.reduce((sum, { mib }) => sum + mib, 0)
    const peak = (): number =>
      plan.watched === 'seeder'
        ? memoryOf(seeder.pid).peakMib
        : Math.max(...leechers.map(({ peakMib }) => peakMib))
    let peakAtFirst: number | undefined
    for (let number = 0; number < plan.leechers; number++) {
      const host = hostAddress(SEEDER_HOST + 1 + number)
      const job = { host, port: await freePort(host), scratch: workshop.freshFolder() }
      leechers.push(
        new Leecher({
          torrent: payload.torrent,
          job,
          seeder: `${address.host}:${address.port}`,
          enoughMib: plan.mib,
          onPiece() {
            if (peakAtFirst === undefined && received() >= FIRST_MIB) peakAtFirst = peak()
          },
        }),
      )
    }
    await within(DEADLINE_MS, Promise.all(leechers.map(({ whenStopped }) => whenStopped)))
    if (peakAtFirst === undefined) throw new Error(`less than ${FIRST_MIB} MiB were received`)
    return {
      [PEAK]: peak(),
      [GROWTH]: peak() - peakAtFirst,
      'highest peak of a leecher, MiB': Math.max(...leechers.map(({ peakMib }) => peakMib)),
      'MB/s': (received() * MIB) / 1e3 / (performance.now() - start),
      [OTHER_CORES]: others(),
    }
  } finally {
    await Promise.all([seeder.stop(), ...leechers.map((leecher) => leecher.stop())])
  }
}

interface LeecherOptions {
  readonly torrent: string
  readonly job: { readonly host: string; readonly port: number; readonly scratch: string }
  /** `host:port`. */
  readonly seeder: string
  readonly enoughMib: number
  readonly onPiece: () => void
}

/** Runs a leecher until it has enough, then stops it and removes its file. */
class Leecher {
  /** Received and written. */
  mib = 0
  readonly whenStopped: Promise<void>
  readonly #process: ClientProcess
  readonly #folder: string
  #peakMib = 0
  #isStopped = false

  constructor({ torrent, job, seeder, enoughMib, onPiece }: LeecherOptions) {
    this.#folder = job.scratch
    const words = bitswarmWords('-get', torrent, '-dest', job.scratch, '-peer', seeder, ...quietFlags(job))
    this.#process = new ClientProcess(words)
    const { promise: enough, resolve } = Promise.withResolvers<void>()
    this.#process.onLine((line) => {
      if (this.#isStopped || !line.includes('"event":"have"')) return
      this.mib += (JSON.parse(line) as { bytes: number }).bytes / MIB
      onPiece()
      if (this.mib >= enoughMib) resolve()
    })
    this.whenStopped = this.#process.beforeEnd(enough).then(() => this.stop())
  }

  get peakMib(): number {
    return this.#isStopped ? this.#peakMib : memoryOf(this.#process.pid).peakMib
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    if (this.#process.isRunning) this.#peakMib = this.peakMib
    this.#isStopped = true
    await this.#process.stop('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
