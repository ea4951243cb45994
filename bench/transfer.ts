/** One payload from one seeder to some leechers, every process measured, every copy compared. */
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../scripts/free-ports.ts'
import type { Bench } from './case.ts'
import type { Client, Job, RunningClient } from './client.ts'
import { within } from './deadline.ts'
import { hostAddress } from './namespace.ts'
import { cpuSeconds, loopbackBytes, memory, watchOthers } from './process-cost.ts'
import type { Payload } from './workshop.ts'

/** The number of the seeder's host; leechers have the next ones. */
export const SEEDER_HOST = 1
const DEADLINE_MS = 240_000
/** The clock "from the first byte" starts when so many bytes have crossed the loopback interface: handshakes take fewer. */
const FIRST_BYTES = 131_072
const FIRST_BYTES_POLL_MS = 1
const MEMORY_POLL_MS = 100
/** Time for a seeder that has just started to finish what is not part of the transfer. */
const SETTLE_MS = 300

export interface TransferPlan {
  readonly seeder: Client
  readonly leecher: Client
  /** One unless told otherwise. */
  readonly leechers?: number
  readonly payload: Payload
  /** Bytes per second, of each of them. */
  readonly uploadLimit?: number
  /** Puts something between: gets the seeder's address, and returns the one that leechers dial. */
  readonly through?: (seeder: string) => Promise<string>
}

export interface ProcessFigures {
  /** Of a seeder: from the leechers' start; of a leecher: from its own. */
  readonly cpuSeconds: number
  readonly peakMib: number
  /** The most that was seen. */
  readonly anonymousMib: number
}

export interface Transfer {
  /** From the start of the leechers' processes until each was complete, ascending. */
  readonly completeSeconds: readonly number[]
  /** From there to the first bytes. */
  readonly firstByteSeconds: number
  readonly seeder: ProcessFigures
  readonly leechers: readonly ProcessFigures[]
  /** Payload bytes that the seeder says it sent; NaN when it does not say. */
  readonly uploadedBySeeder: number
  readonly otherCores: number
}

export async function transfer(bench: Bench, plan: TransferPlan): Promise<Transfer> {
  const stage = new Stage(bench, plan)
  try {
    return await stage.play()
  } finally {
    await stage.clear()
  }
}

class Stage {
  readonly #bench: Bench
  readonly #plan: TransferPlan
  readonly #folders: string[] = []
  readonly #running: RunningClient[] = []

  constructor(bench: Bench, plan: TransferPlan) {
    this.#bench = bench
    this.#plan = plan
  }

  async play(): Promise<Transfer> {
    const { seeder, leecher, leechers = 1, payload, through } = this.#plan
    this.#bench.tracker.clear()
    const seederJob = await this.#job('seed', SEEDER_HOST)
    const source = await this.#start(seeder, seederJob)
    await delay(SETTLE_MS)

    const strangers = await Promise.all(
      Array.from({ length: leechers }, (_, index) => this.#job('leech', SEEDER_HOST + 1 + index)),
    )
    const seederAddress = addressOf(seederJob)
    const dialled = through === undefined ? seederAddress : await through(seederAddress)
    const jobs = leecher.canDial ? introduced(dialled, strangers) : strangers
    const sourceMeter = new ProcessMeter(source.pid)
    const othersCores = watchOthers()
    const firstByte = watchFirstBytes()
    const started = performance.now()
    const ends = await within(
      DEADLINE_MS,
      Promise.all(
        jobs.map(async (job) => {
          const running = await this.#start(leecher, job)
          const meter = new ProcessMeter(running.pid, 0)
          await running.complete
          return { at: performance.now(), figures: meter.stop() }
        }),
      ),
    )
    const figures: Transfer = {
      completeSeconds: ends.map(({ at }) => (at - started) / 1_000).toSorted((a, b) => a - b),
      firstByteSeconds: (firstByte() - started) / 1_000,
      otherCores: othersCores(),
      seeder: sourceMeter.stop(),
      leechers: ends.map((end) => end.figures),
      uploadedBySeeder: (await source.uploadedBytes()) ?? Number.NaN,
    }
    for (const { folder } of jobs) await compare(payload.path, join(folder, basename(payload.path)))
    return figures
  }

  async clear(): Promise<void> {
    await Promise.all(this.#running.map((client) => client.stop()))
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async #start(client: Client, job: Job): Promise<RunningClient> {
    const running = await client.start(job)
    this.#running.push(running)
    return running
  }

  async #job(role: Job['role'], number: number): Promise<Job> {
    const { leecher, payload, uploadLimit } = this.#plan
    const host = hostAddress(number)
    return {
      role,
      torrent: leecher.canDial ? payload.torrent : payload.trackedTorrent,
      folder: role === 'seed' ? payload.folder : this.#newFolder(),
      scratch: this.#newFolder(),
      host,
      port: await freePort(host),
      controlPort: await freePort('127.0.0.1'),
      peers: [],
      tracker: leecher.canDial ? undefined : this.#bench.tracker.url,
      uploadLimit,
    }
  }

  #newFolder(): string {
    const folder = this.#bench.workshop.freshFolder()
    this.#folders.push(folder)
    return folder
  }
}

/** Measures what a process spends from now on. */
class ProcessMeter {
  readonly #pid: number
  readonly #cpuBefore: number
  readonly #timer: NodeJS.Timeout
  #anonymousMib = 0

  /** @param cpuBefore seconds that do not count; by default those until now */
  constructor(pid: number, cpuBefore: number = cpuSeconds(pid)) {
    this.#pid = pid
    this.#cpuBefore = cpuBefore
    this.#timer = setInterval(() => this.#look(), MEMORY_POLL_MS)
  }

  /** Fails when the process is gone. */
  stop(): ProcessFigures {
    clearInterval(this.#timer)
    this.#look()
    const cpu = cpuSeconds(this.#pid) - this.#cpuBefore
    return { cpuSeconds: cpu, peakMib: memory(this.#pid).peakMib, anonymousMib: this.#anonymousMib }
  }

  #look(): void {
    this.#anonymousMib = Math.max(this.#anonymousMib, memory(this.#pid).anonymousMib)
  }
}

/** Watches the interface's counter. @returns when the first bytes had crossed, on the clock of `performance.now` */
function watchFirstBytes(): () => number {
  const before = loopbackBytes()
  let at: number | undefined
  const timer = setInterval(() => {
    if (loopbackBytes() - before < FIRST_BYTES) return
    at = performance.now()
    clearInterval(timer)
  }, FIRST_BYTES_POLL_MS)
  return () => {
    clearInterval(timer)
    if (at === undefined) throw new Error('nothing crossed the loopback interface')
    return at
  }
}

function addressOf({ host, port }: Job): string {
  return `${host}:${port}`
}

/** Every leecher gets the addresses of all others. */
function introduced(seeder: string, leechers: readonly Job[]): Job[] {
  return leechers.map((leecher) => ({
    ...leecher,
    peers: [seeder, ...leechers.filter((other) => other !== leecher).map(addressOf)],
  }))
}

async function compare(original: string, copy: string): Promise<void> {
  await promisify(execFile)('cmp', ['--silent', original, copy]).catch((error: unknown) => {
    throw new Error(`the copy differs: ${copy}`, { cause: error })
  })
}
