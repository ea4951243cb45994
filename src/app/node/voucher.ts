/**
 * Metainfo beside a payload vouches for it by its times: files that were neither written nor replaced since then need not be
 * read again. A copied or unpacked file keeps its old modification time; when it came shows in its status change time, which
 * nobody can set. Each time is compared with its counterpart, because a chmod of the metainfo must not make it newer than
 * files that were written later.
 */
import type { Stats } from 'node:fs'
import { stat, utimes } from 'node:fs/promises'
import { toStorageError } from '../../storage/fs/errno.ts'

/** Files looked at together. */
const STAT_BATCH = 64

type Look = Pick<Stats, 'mtimeMs' | 'ctimeMs' | 'ino' | 'size'>

/** A missing file: older than all others. */
const NOTHING: Look = { mtimeMs: -Infinity, ctimeMs: -Infinity, ino: 0, size: 0 }

export class Voucher {
  readonly #path: string
  readonly #files: readonly string[]
  readonly #own: Look
  readonly #looks: readonly Look[]
  /** Whether none of the files was changed after the metainfo. Missing ones do not count. */
  readonly isValid: boolean

  private constructor(path: string, files: readonly string[], own: Look, looks: readonly Look[]) {
    this.#path = path
    this.#files = files
    this.#own = own
    this.#looks = looks
    this.isValid = looks.every(({ mtimeMs, ctimeMs }) => mtimeMs <= own.mtimeMs && ctimeMs <= own.ctimeMs)
  }

  /** @param path of the metainfo */
  static async of(path: string, files: readonly string[]): Promise<Voucher> {
    return new Voucher(path, files, await look(path), await lookAtAll(files))
  }

  /**
   * All files were read since {@link of} and match the metainfo: from now on it vouches for them, if they have not changed
   * since then, and otherwise for nothing.
   *
   * @throws {StorageError} the metainfo cannot be dated
   */
  async renew(): Promise<void> {
    const now = await lookAtAll(this.#files)
    const isUntouched = this.#looks.every((then, file) => isSame(then, now[file]!))
    // No later than necessary, so that what is written right now is newer. The millisecond is for rounding.
    const newest = now.reduce((time, { mtimeMs }) => Math.max(time, mtimeMs), this.#own.mtimeMs)
    const time = new Date(isUntouched ? Math.ceil(newest) + 1 : 0)
    try {
      await utimes(this.#path, time, time)
    } catch (error) {
      throw toStorageError(error, this.#path)
    }
  }
}

async function lookAtAll(files: readonly string[]): Promise<Look[]> {
  const looks: Look[] = []
  for (let at = 0; at < files.length; at += STAT_BATCH)
    looks.push(...(await Promise.all(files.slice(at, at + STAT_BATCH).map(look))))
  return looks
}

async function look(path: string): Promise<Look> {
  const { mtimeMs, ctimeMs, ino, size } = await stat(path).catch(() => NOTHING)
  return { mtimeMs, ctimeMs, ino, size }
}

function isSame(a: Look, b: Look): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.size === b.size
}
