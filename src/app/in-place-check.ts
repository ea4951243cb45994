/**
 * Finds out how much of a download is already in place, reading no more than it must, and whether the files there are its
 * own. A file belongs to
 *
 * - the download, if it is the file that the download made, if it holds nothing but zeros, or if at least one piece that
 *   touches it is right: an earlier download whose records were lost, or an older version of the same thing;
 * - somebody else otherwise, or if it is too long. Then it is not touched, unless the user asks for that.
 */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import { StorageError } from '../protocol/errors.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { Hashes, Random } from '../protocol/ports.ts'
import type { Payload, PayloadPlan, Remembered } from '../storage/disk.ts'
import { FileMap } from '../storage/file-map.ts'
import {
  assess,
  judgeFiles,
  sampleOf,
  type Assessment,
  type FileJudgement,
} from '../storage/resume-assessment.ts'
import { readNotes } from '../storage/resume-notes.ts'
import { decodeResume, type ResumeState } from '../storage/resume.ts'

/** Pieces that are read before many others are trusted unread. */
const SAMPLE_PIECES = 16
/** Fewer if they are longer than this together: a start should not take a second. */
const SAMPLE_BYTES = 32 * 2 ** 20
const LEAST_SAMPLE_PIECES = 4

export interface InPlaceCheckOptions {
  readonly payload: Payload
  readonly plan: PayloadPlan
  readonly infoHash: InfoHash
  readonly hashes: Hashes
  readonly random: Random
  readonly mayOverwrite: boolean
  /** Reads pieces; `next` gets the bad ones, and why the first unreadable one of them could not be read. */
  readonly verify: (
    pieces: readonly number[],
    next: (bad: readonly number[], unread?: StorageError) => void,
  ) => void
  /** Called once, unless `verify` fails. */
  readonly onDone: (result: InPlace | StorageError) => void
}

export interface InPlace {
  readonly have: Bitfield
  /** Those of them that are durable. */
  readonly synced: Bitfield
  /** Pieces that were read. */
  readonly checked: number
  readonly source: 'resume' | 'check' | 'empty'
}

export class InPlaceCheck {
  readonly #options: InPlaceCheckOptions
  readonly #map: FileMap
  #state: ResumeState | undefined
  #files: readonly FileJudgement[] = []
  #checked = 0
  /** Why something could not be read: then it is not known to be something else. */
  #unread: StorageError | undefined

  constructor(options: InPlaceCheckOptions) {
    this.#options = options
    this.#map = new FileMap(options.plan)
  }

  start(): void {
    this.#options.payload.readResume((remembered) => {
      // A piece that cannot be read is not remembered.
      if (remembered instanceof StorageError)
        this.#judge({ resume: undefined, notes: undefined, writtenAt: 0 })
      else this.#judge(remembered)
    })
  }

  #judge({ resume, notes, writtenAt }: Remembered): void {
    const { payload, plan, mayOverwrite, onDone } = this.#options
    const { geometry } = plan
    this.#state = resume && this.#decode(resume)
    this.#files = judgeFiles(this.#state, geometry, { found: payload.found, writtenAt })
    const long = payload.found.findIndex((stat, file) => stat && stat.length > this.#map.lengthOf(file))
    if (long !== -1 && !mayOverwrite) {
      const lengths = `${payload.found[long]!.length} bytes instead of ${this.#map.lengthOf(long)}`
      return onDone(this.#occupied(long, `it has ${lengths}`))
    }
    const noted =
      this.#state && notes
        ? readNotes(notes, this.#state.key, geometry.pieceCount)
        : new Bitfield(geometry.pieceCount)
    this.#check(noted)
  }

  /** A resume file that cannot be trusted costs a check of the data, nothing else. */
  #decode(bytes: Uint8Array): ResumeState | undefined {
    const { infoHash, plan, hashes } = this.#options
    try {
      return decodeResume(bytes, { infoHash, geometry: plan.geometry }, hashes)
    } catch (error) {
      if (error instanceof StorageError) return undefined
      throw error
    }
  }

  #check(noted: Bitfield): void {
    const { payload, plan } = this.#options
    const assessment = assess(this.#state, plan.geometry, { files: this.#files, noted, boot: payload.boot })
    const { trusted, doubtful } = assessment
    const sample = this.#sampleOf(assessment)
    this.#verify(sample, (bad) => {
      if (bad.length === 0) return this.#settle(assessment)
      // A record that vouches for a bad piece vouches for nothing. A piece that no record names is missing all the same.
      const named = [...trusted.indices(), ...doubtful].sort((a, b) => a - b)
      const nothing = new Bitfield(trusted.length)
      this.#settle({ trusted: nothing, synced: nothing.clone(), doubtful: named, survivors: nothing.clone() })
    })
  }

  /** A sample of the durable pieces, and one of those that may only be in the page cache. */
  #sampleOf({ trusted, synced }: Assessment): number[] {
    const unsynced = new Bitfield(trusted.length)
    trusted.forEachSet((piece) => {
      if (!synced.has(piece)) unsynced.set(piece)
    })
    const { random, plan } = this.#options
    return [synced, unsynced].flatMap((pieces) => sampleOf(pieces, sampleSize(plan.geometry), random))
  }

  #settle({ trusted: have, synced, doubtful, survivors }: Assessment): void {
    this.#verify(doubtful, (bad) => {
      for (const piece of doubtful) have.set(piece)
      for (const piece of bad) have.clear(piece)
      survivors.forEachSet((piece) => {
        if (have.has(piece)) synced.set(piece)
      })
      this.#own({ have, synced, checked: this.#checked, source: this.#sourceOf(have) })
    })
  }

  #sourceOf(have: Bitfield): InPlace['source'] {
    if (have.isEmpty && this.#checked === 0) return 'empty'
    return this.#state ? 'resume' : 'check'
  }

  #own(inPlace: InPlace): void {
    const { payload, plan, mayOverwrite, onDone } = this.#options
    const wrong = this.#strangeFiles().filter((file) => {
      const [first, end] = plan.geometry.piecesOf(file)
      for (let piece = first; piece < end; piece++) if (inPlace.have.has(piece)) return false
      return true
    })
    if (wrong.length === 0 || mayOverwrite) return onDone(inPlace)
    payload.findContent(wrong, (holding) => {
      if (holding instanceof StorageError) onDone(holding)
      else if (holding.length > 0)
        onDone(this.#unread ?? this.#occupied(holding[0]!, 'no piece of it is right'))
      else onDone(inPlace)
    })
  }

  #verify(pieces: readonly number[], next: (bad: readonly number[]) => void): void {
    this.#checked += pieces.length
    this.#options.verify(pieces, (bad, unread) => {
      this.#unread ??= unread
      next(bad)
    })
  }

  #strangeFiles(): number[] {
    return this.#files.flatMap((judgement, file) => (judgement === 'strange' ? [file] : []))
  }

  #occupied(file: number, reason: string): StorageError {
    const path = this.#map.pathOf(file)!
    return new StorageError(
      'disk.occupied',
      `${path} is something else (${reason}): move it away, choose another -dest, or give -overwrite`,
    )
  }
}

/** The size of the sample that is read before many other pieces are trusted unread. */
export function sampleSize({ pieceLength }: PieceGeometry): number {
  return Math.max(LEAST_SAMPLE_PIECES, Math.min(SAMPLE_PIECES, Math.floor(SAMPLE_BYTES / pieceLength)))
}
