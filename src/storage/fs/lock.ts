/**
 * The lock of a download: a file beside the payload that names the process that writes there. It is stale, and is
 * taken over, when that process is gone or its number belongs to another one by now.
 */
import { constants } from 'node:fs'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StorageError } from '../../protocol/errors.ts'
import { codeOf, errnoOf, inWords } from './errno.ts'

/** How long a lock file may be empty while its maker fills it. */
const FILL_MS = 50
/** A lock file holds some 40 bytes; a longer file is not ours, and not read. */
const MAX_LOCK_BYTES = 256
/** Does not wait for the writer of a pipe. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/** What this process has locked: the only proof on systems that do not tell when a process started. */
const heldHere = new Set<string>()

interface Holder {
  readonly pid: number
  /** When it started, in the system's own unit; empty where the system does not tell. */
  readonly started: string
}

export class Lock {
  readonly #path: string

  private constructor(path: string) {
    this.#path = path
  }

  /** @throws {StorageError} `disk.locked`; or why nothing can be written there */
  static async acquire(path: string): Promise<Lock> {
    if (heldHere.has(path)) throw lockedBy(path, 'this process')
    heldHere.add(path)
    try {
      for (;;) {
        if (await create(path)) return new Lock(path)
        const content = await contentOf(path)
        const holder = parseHolder(content)
        if (holder !== undefined && (await isAlive(holder))) throw lockedBy(path, `process ${holder.pid}`)
        await moveAway(path, content)
      }
    } catch (error) {
      heldHere.delete(path)
      throw error
    }
  }

  async release(): Promise<void> {
    try {
      await rm(this.#path, { force: true })
      await sweep(this.#path)
    } finally {
      heldHere.delete(this.#path)
    }
  }
}

function lockedBy(path: string, holder: string): StorageError {
  return new StorageError('disk.locked', `${holder} is downloading to the same place (it holds ${path})`)
}

/** @returns false when the file is there already */
async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    try {
      const holder: Holder = { pid: process.pid, started: await startOf(process.pid) }
      await file.writeFile(JSON.stringify(holder))
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    const folder = dirname(path)
    throw new StorageError(codeOf(error), `cannot write in ${folder}: ${inWords(error)}`, { cause: error })
  }
}

/** Empty when the file is gone or stays empty. */
async function contentOf(path: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    const content = await beginningOf(path).catch(whenMissing(''))
    if (content !== '' || tries > 0) return content
    await sleep(FILL_MS)
  }
}

async function beginningOf(path: string): Promise<string> {
  const file = await open(path, READ_FLAGS)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_LOCK_BYTES), 0, MAX_LOCK_BYTES, null)
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await file.close()
  }
}

function parseHolder(content: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(content) as Partial<Holder>
    return Number.isInteger(pid) && pid! > 0 && typeof started === 'string'
      ? { pid: pid!, started }
      : undefined
  } catch {
    return undefined // Cut off by a crash.
  }
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  // Not in `heldHere`: as far as the system can tell, an earlier process had our number.
  if (pid === process.pid && started === '') return false
  return isRunning(pid) && started === (await startOf(pid))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

/** Renamed before it is removed, so that of two processes that found it stale only one takes this very file. */
async function moveAway(path: string, stale: string): Promise<void> {
  const aside = `${path}.${process.pid}`
  try {
    await rename(path, aside)
  } catch (error) {
    return whenMissing(undefined)(error)
  }
  const isStale = (await contentOf(aside)) === stale
  if (isStale) await rm(aside, { force: true })
  else await rename(aside, path) // It was taken over in between: put it back.
}

/** Removes what processes left behind that were killed while they moved a stale lock away. Best effort: it does no harm. */
async function sweep(path: string): Promise<void> {
  const prefix = `${basename(path)}.`
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN
    if (Number.isInteger(pid) && pid > 0 && !isRunning(pid))
      await rm(join(dirname(path), name), { force: true })
  }
}

/**
 * Clock ticks from boot to the start of a process: field 22 of proc(5) `stat`; the name in field 2 may contain spaces. Empty for a
 * zombie (field 3), whose parent has not asked for its exit code and, in a container, may never do so.
 */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(whenMissing(''))
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X'
  return hasEnded ? '' : (fields[19] ?? '')
}

function whenMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (errnoOf(error) === 'ENOENT') return value
    throw error
  }
}
