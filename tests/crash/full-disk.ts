/** A disk that another program fills while a leecher writes to it. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../src/app/sim/random.ts'
import type { Life } from './life.ts'
import { startLife, type Death, type Subject } from './round.ts'

const MIB = 2 ** 20
/** Less than this is written before the disk can be filled. */
const MIN_MISSING_BYTES = 64 * MIB
/** The share of the missing bytes that is downloaded before the disk fills. */
const MAX_SHARE = 0.5
const LONGEST_STALL_MS = 2_500
/** One start in so many is tried while the disk is still full. */
const REFUSALS = 4
const EXIT_STORAGE = 5

/** @returns undefined when too little is missing */
export function fullDisk(
  random: SeededRandom,
  { subject, disk, folder }: { readonly subject: Subject; readonly disk: string; readonly folder: string },
  missing: number,
): Death | undefined {
  if (missing * subject.metainfo.geometry.pieceLength < MIN_MISSING_BYTES) return undefined
  const pieces = random.float() * MAX_SHARE * missing
  const stallMs = random.float() * LONGEST_STALL_MS
  const isTriedInVain = random.int(REFUSALS) === 0
  const ballast = join(disk, 'ballast')
  const isFull = (line: { readonly event: string; readonly code?: unknown }): boolean =>
    line.event === 'disk_error' && line.code === 'disk.full'
  return {
    moment: 'full disk',
    async strike(life: Life): Promise<void> {
      try {
        await life.process.waitFor(
          ({ event, done, pieces: all }) =>
            event === 'have' && Number(done) >= Number(all) - missing + pieces,
        )
        fill(ballast)
        await life.process.waitFor(isFull)
        await delay(stallMs)
      } catch (error) {
        // It was quicker than the ballast; why else it ended, its exit code tells.
        if (life.process.isRunning) throw error
      }
    },
    async bury(isKilled: boolean): Promise<readonly string[]> {
      const findings = isTriedInVain && isKilled ? await tryInVain(subject, folder) : []
      rmSync(ballast, { force: true })
      return findings
    },
  }
}

/** A start on the full disk must be refused. What was there stays, or the ledger will see it. */
async function tryInVain(subject: Subject, folder: string): Promise<readonly string[]> {
  const life = startLife(subject, folder)
  const code = await life.process.exited
  const [error] = life.process.seen('error')
  return code === EXIT_STORAGE && error?.['code'] === 'disk.full'
    ? []
    : [`on a full disk it ended with ${code} and ${JSON.stringify(error)}`]
}

/** Takes what is free, to the last page. */
function fill(path: string): void {
  const fd = openSync(path, 'w')
  try {
    for (let length = MIB; length >= 4_096; length /= 16) {
      const bytes = new Uint8Array(length)
      while (canWrite(fd, bytes)) continue
    }
  } finally {
    closeSync(fd)
  }
}

function canWrite(fd: number, bytes: Uint8Array): boolean {
  try {
    return writeSync(fd, bytes) === bytes.length
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
