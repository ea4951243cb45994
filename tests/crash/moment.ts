/** When a leecher is killed: after which event, and how long after it. */
import { watch } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../src/app/sim/random.ts'
import type { Life } from './life.ts'

/**
 * `start`: while the process starts, which after a kill makes two in a row. `check`: while it finds out what is there.
 * `journal`: as the file beside the payload is replaced. `end`: in the last moments, around `complete`. `seeder`: some time
 * after the seeder was killed.
 */
const MOMENTS = ['anywhere', 'start', 'check', 'journal', 'end', 'seeder'] as const
export type MomentName = (typeof MOMENTS)[number]

export interface Moment {
  readonly name: MomentName
  /** After what is waited for. */
  readonly delayMs: number
  /** Of `end`: pieces that are missing when the wait begins. */
  readonly missing: number
  /** Of `journal`: not when the download begins, but as it goes on or ends. */
  readonly isLate: boolean
}

const LONGEST_MS: Readonly<Record<MomentName, number>> = {
  anywhere: 2_500,
  start: 300,
  check: 120,
  journal: 3,
  end: 80,
  seeder: 3_000,
}
const MAX_MISSING = 48
const SHARES: readonly (readonly [MomentName, number])[] = [
  ['anywhere', 50],
  ['start', 16],
  ['check', 12],
  ['journal', 12],
  ['end', 6],
  ['seeder', 4],
]

export function drawMoment(random: SeededRandom): Moment {
  let ticket = random.int(100)
  const [name] = SHARES.find(([, share]) => (ticket -= share) < 0)!
  return {
    name,
    delayMs: random.float() * LONGEST_MS[name],
    missing: random.int(MAX_MISSING),
    isLate: random.int(2) === 0,
  }
}

/** The folder's journal files, whatever is appended to, made, or renamed there. */
const JOURNAL = /\.bitswarm-resume/

/** Fulfilled when the moment has come, or when the process has ended by itself before. */
export async function untilMoment(
  { name, delayMs, missing, isLate }: Moment,
  life: Life,
  folder: string,
): Promise<void> {
  const over = new AbortController()
  const ended = life.process.exited.then(() => over.abort())
  const line = (isIt: Parameters<Life['process']['waitFor']>[0]): Promise<unknown> =>
    life.process.waitFor(isIt).catch(() => {})
  if (name === 'check') await line('listen')
  else if (name === 'end')
    await line(({ event, done, pieces }) => event === 'have' && Number(done) + missing >= Number(pieces))
  else if (name === 'seeder') await line('have')
  else if (name === 'journal') {
    if (isLate) await line('have')
    await journalTouched(folder, over.signal)
  }
  await Promise.race([delay(delayMs), ended])
}

/** Waits for the next time that anything happens to a journal file. */
function journalTouched(folder: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const watcher = watch(folder, (_, name) => {
      if (name === null || !JOURNAL.test(name)) return
      watcher.close()
      resolve()
    })
    signal.addEventListener('abort', () => {
      watcher.close()
      resolve()
    })
  })
}
