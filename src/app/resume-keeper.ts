/**
 * Keeps the records of a download, never ahead of the truth. The disk notes each piece as it writes it; this class makes pieces
 * durable and says so in the resume file.
 */
import type { Bitfield } from '../protocol/bitfield.ts'
import { StorageError } from '../protocol/errors.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { Cancel, Clock, Emit, Hashes, Millis } from '../protocol/ports.ts'
import type { FileStat, Payload } from '../storage/disk.ts'
import type { StorageEvent } from '../storage/events.ts'
import { encodeResume } from '../storage/resume.ts'
import type { SyncPolicy } from './sync-policy.ts'

/** How long a written piece may stay unsynced: what a power cut puts in doubt. */
export const SYNC_INTERVAL_MS: Millis = 5_000

export interface ResumeKeeperOptions {
  readonly payload: Payload
  readonly policy: SyncPolicy
  /** The live one: read at each save. */
  readonly have: Bitfield
  /** What of it is durable. */
  readonly synced: Bitfield
  /** Whether a complete download is remembered, too, so that it can be served again without reading it. */
  readonly remembersComplete: boolean
  readonly infoHash: InfoHash
  /** The key of the notes: 8 random bytes. */
  readonly key: Uint8Array
  readonly clock: Clock
  readonly hashes: Hashes
  readonly emit: Emit<StorageEvent>
}

export class ResumeKeeper {
  readonly #options: ResumeKeeperOptions
  #synced: Bitfield
  /** The files before anything was written: later times are expected. */
  #files: readonly (FileStat | undefined)[] = []
  #isNoting = false
  #cancelSave: Cancel | undefined
  #isSaving = false
  /** Pieces changed since the last save began. */
  #isDirty = false
  /**
   * A sync has failed: what was written since the last good one may be lost although it can be read now. From now on nothing
   * counts as synced, and the record says that this boot vouches for nothing.
   */
  #syncError: StorageError | undefined
  /** Pieces that turned out to be wrong since the last sync began. */
  #lost: number[] = []
  /** The record names pieces that are gone: it is replaced as soon as possible. */
  #isWrong = false
  /** No other save is begun. */
  #isEnding = false
  /** Callbacks that wait for the save under way. */
  #afterSave: (() => void) | undefined
  #isFinishing = false
  /** The callback of a close that waits meanwhile. */
  #afterFinish: (() => void) | undefined

  constructor(options: ResumeKeeperOptions) {
    this.#options = options
    this.#synced = options.synced
  }

  /** To be called before the first piece is written: records what is there, and makes the disk note further pieces. */
  start(done: (error?: StorageError) => void): void {
    const { payload, policy, key, have } = this.#options
    payload.stat((files) => {
      if (files instanceof StorageError) return done(files)
      this.#files = files
      this.#replace(this.#files, false, (error) => {
        if (error) return done(error)
        payload.startNotes({ key, isDurable: policy === 'piece' }, (failed) => {
          if (failed) return done(failed)
          this.#isNoting = true
          if (have.count > this.#synced.count) this.onChange()
          // A piece is durable only if its file's name is.
          if (policy === 'piece') payload.sync(done)
          else done()
        })
      })
    })
  }

  /** A piece was written. */
  onChange(): void {
    this.#isDirty = true
    if (this.#options.policy === 'none' || this.#isSaving || this.#isEnding || this.#syncError) return
    this.#cancelSave ??= this.#options.clock.after(SYNC_INTERVAL_MS, () => this.#save())
  }

  /** Written pieces are gone: somebody else has written to their files. */
  onLost(pieces: readonly number[]): void {
    if (!this.#isNoting) return
    for (const piece of pieces) this.#synced.clear(piece)
    this.#lost.push(...pieces)
    this.#isWrong = true
    if (this.#isEnding) return
    this.#options.payload.eraseNotes(pieces, (error) => {
      if (error) this.#report(error)
    })
    this.#cancelSave?.()
    if (!this.#isSaving) this.#save()
  }

  /**
   * Everything is there: makes it durable, removes the records, and gives up the lock. Records of what a power cut could still
   * take are kept: nothing else could tell whose a damaged file is.
   *
   * @param look at the files, before anything is forgotten; an error ends it
   */
  finish(look: (done: (error?: StorageError) => void) => void, done: (error?: StorageError) => void): void {
    const { payload, have, remembersComplete } = this.#options
    const end = (error?: StorageError): void => {
      this.#isFinishing = false
      done(error)
      this.#afterFinish?.()
    }
    const forget = (): void =>
      payload.removeResume((error) => {
        if (error) end(error)
        else if (remembersComplete || this.#synced.count < have.count)
          payload.stat((files) => this.#recordClean(files, () => payload.unlock(end)))
        else payload.unlock(end)
      })
    this.#isFinishing = true
    look((changed) =>
      this.#afterwards(() => {
        if (changed) end(changed)
        else this.#sync((error) => (error ? end(error) : forget()))
      }),
    )
  }

  /**
   * Writing has ended: records what is there and closes the payload, as its last user. A {@link finish} under way is completed
   * first.
   */
  close(done: () => void): void {
    const closePayload = (): void => this.#options.payload.close(done)
    if (this.#isFinishing) {
      this.#afterFinish = closePayload
      return
    }
    this.#afterwards(() => {
      if (this.#isNoting) this.#recordEnd(closePayload)
      else closePayload()
    })
  }

  /** Runs `next` when no save is under way, and plans no further one. */
  #afterwards(next: () => void): void {
    this.#isEnding = true
    this.#cancelSave?.()
    if (this.#isSaving) this.#afterSave = next
    else next()
  }

  /** Data first, then the record of it. One that cannot be written is reported and tried again with the next change. */
  #save(): void {
    this.#cancelSave = undefined
    this.#isSaving = true
    this.#isDirty = false
    this.#isWrong = false
    const end = (error?: StorageError): void => {
      this.#isSaving = false
      if (error) {
        this.#isDirty = true
        this.#report(error)
      }
      const next = this.#afterSave
      this.#afterSave = undefined
      if (next) next()
      else if (this.#isWrong) this.#save()
      else if (this.#isDirty && error === undefined) this.onChange()
    }
    this.#sync((syncError) => this.#replace(this.#files, false, (error) => end(syncError ?? error)))
  }

  /** Commits may still be under way. A record that cannot be written is reported, and costs time at the next start. */
  #recordEnd(done: () => void): void {
    this.#options.payload.stat((files) => {
      const record = (): void => this.#recordClean(files, done)
      if (this.#syncError) return record()
      this.#sync((error) => {
        if (error) this.#report(error)
        record()
      })
    })
  }

  #recordClean(files: readonly (FileStat | undefined)[] | StorageError, done: () => void): void {
    const end = (error?: StorageError): void => {
      if (error) this.#report(error)
      done()
    }
    if (files instanceof StorageError) end(files)
    else this.#replace(files, true, end)
  }

  /** Once done, everything written before this began is durable, if anything is to be. */
  #sync(done: (error?: StorageError) => void): void {
    const { payload, have, policy } = this.#options
    if (policy === 'none' || this.#syncError) return done(this.#syncError)
    const pieces = have.clone()
    this.#lost = []
    payload.sync((error) => {
      this.#syncError = error
      for (const piece of this.#lost) pieces.clear(piece)
      if (error === undefined) this.#synced = pieces
      done(error)
    })
  }

  /** @param isClean writing has ended, so the files' times may be compared with the record */
  #replace(
    files: readonly (FileStat | undefined)[],
    isClean: boolean,
    done: (error?: StorageError) => void,
  ): void {
    const { payload, have, infoHash, key, hashes } = this.#options
    const boot = this.#syncError ? '' : payload.boot
    const state = { infoHash, boot, key, synced: this.#synced, written: have, files, isClean }
    payload.replaceResume(encodeResume(state, hashes), done)
  }

  #report({ code, message }: StorageError): void {
    this.#options.emit({ event: 'disk_error', code, message })
  }
}
