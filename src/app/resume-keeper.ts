/** Keeps the resume file of a download: never ahead of what is durable, never far behind what is written. */
import type { Bitfield } from '../protocol/bitfield.ts'
import { StorageError } from '../protocol/errors.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { Cancel, Clock, Emit, Hashes, Millis } from '../protocol/ports.ts'
import type { Payload } from '../storage/disk.ts'
import type { StorageEvent } from '../storage/events.ts'
import { encodeResume } from '../storage/resume.ts'

/** How long a written piece may stay unrecorded: what a crash costs is checked again. */
export const SAVE_INTERVAL_MS: Millis = 5_000

export interface ResumeKeeperOptions {
  readonly payload: Payload
  /** The live one: read at each save. */
  readonly have: Bitfield
  readonly infoHash: InfoHash
  readonly clock: Clock
  readonly hashes: Hashes
  readonly emit: Emit<StorageEvent>
}

export class ResumeKeeper {
  readonly #options: ResumeKeeperOptions
  #cancelSave: Cancel | undefined
  #isSaving = false
  /** Pieces changed since the last save began. */
  #isDirty = false
  /**
   * A sync has failed: what was written since the last good one may be lost although it reads well now, so nothing is
   * recorded any more and the next start checks what the last record does not name.
   */
  #syncError: StorageError | undefined
  /** What waits for the save under way. */
  #afterSave: (() => void) | undefined

  constructor(options: ResumeKeeperOptions) {
    this.#options = options
  }

  /** A piece was written, or there is no resume file yet. */
  onChange(): void {
    this.#isDirty = true
    if (this.#isSaving || this.#syncError) return
    this.#cancelSave ??= this.#options.clock.after(SAVE_INTERVAL_MS, () => this.#save(false, () => {}))
  }

  /** Everything is there: makes it durable, then removes the resume file and gives up the lock. */
  finish(done: (error?: StorageError) => void): void {
    const { payload } = this.#options
    this.#afterwards(() => {
      if (this.#syncError) return done(this.#syncError)
      payload.sync((syncError) => {
        this.#syncError = syncError
        if (syncError) return done(syncError)
        payload.removeResume((removeError) => {
          if (removeError) done(removeError)
          else payload.unlock(done)
        })
      })
    })
  }

  /** Nothing is written any more: records what is there and ends. */
  close(done: () => void): void {
    this.#afterwards(() => {
      if (this.#syncError) done()
      else this.#save(true, done)
    })
  }

  /** Runs `next` when no save is under way, and plans no other. */
  #afterwards(next: () => void): void {
    this.#cancelSave?.()
    if (this.#isSaving) this.#afterSave = next
    else next()
  }

  /**
   * Data first, then the record of it. A record that cannot be written is reported and tried again with the next change.
   *
   * @param isClean nothing is written any more: the files' times may be held against the record
   */
  #save(isClean: boolean, done: () => void): void {
    const { payload, have, infoHash, hashes, emit } = this.#options
    this.#cancelSave = undefined
    this.#isSaving = true
    this.#isDirty = false
    const pieces = have.clone()
    const end = (error?: StorageError): void => {
      this.#isSaving = false
      if (error) {
        this.#isDirty = true
        emit({ event: 'disk_error', code: error.code, message: error.message })
      }
      const next = this.#afterSave
      this.#afterSave = undefined
      if (next) next()
      else if (this.#isDirty && error === undefined) this.onChange()
      done()
    }
    payload.sync((error) => {
      this.#syncError = error
      if (error) return end(error)
      payload.stat((files) => {
        if (files instanceof StorageError) return end(files)
        payload.replaceResume(encodeResume({ infoHash, pieces, files, isClean }, hashes), end)
      })
    })
  }
}
