/** What the lives of one download have told so far, held against the disk after each of them. */
import type { Metainfo } from '../../src/app/library.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { COMMIT_THREADS } from '../../src/storage/fs/worker-pool.ts'
import type { Life } from './life.ts'
import { piecesOnDisk } from './pieces-on-disk.ts'

/**
 * What a kill may cost: bytes that were asked for and not yet announced. Requests on the way and pieces that are being
 * assembled (some hundred milliseconds' worth), 16 MiB that wait for the disk, 20 ms of log lines.
 */
export const MAX_UNFINISHED_BYTES = 64 * 2 ** 20

/**
 * What a start reads of what its journal vouches for: a sample of what was synced, and one of what was not. Only when nothing
 * was there yet, or everything and the journal gone, may it read more: what there is, once.
 */
export const MAX_CHECKED_PIECES = 32

/** Written and not noted, so that they are fetched again: the one that each disk worker had in hand. */
export const MAX_FORGOTTEN_PIECES = COMMIT_THREADS

/** What one life has cost and found, for the table. */
export interface LifeRecord {
  readonly moment: string
  readonly isKilled: boolean
  readonly source: string | undefined
  /** What was right on disk when it began. */
  readonly found: 'nothing' | 'part' | 'everything'
  /** Bytes that the start read again. */
  readonly checkedBytes: number | undefined
  readonly msToListen: number | undefined
  readonly msToResume: number | undefined
  readonly msToFirstHave: number | undefined
  /** Announced in this life. */
  readonly announced: number
  /** Announced in any life and hashed from disk after this one. */
  readonly hashed: number
  /** Asked for in this life and not announced. */
  readonly unfinished: number
  /** Right on disk when this life began, and not known to it. */
  readonly forgotten: number | undefined
  /** Announced in this life although they were right on disk when it began. */
  readonly fetchedTwice: number
  /** What the seeder sent in this life beyond what was announced; undefined when that is not known. */
  readonly wastedBytes: number | undefined
}

export interface Ending extends Pick<LifeRecord, 'moment' | 'isKilled'> {
  /** Payload that the seeder sent to this life; undefined when that is not known. */
  readonly sentBytes: number | undefined
}

export class Ledger {
  #findings: string[] = []
  readonly #metainfo: Metainfo
  readonly #path: string
  /** Announced in any life. */
  readonly #announced: Bitfield
  /** Right on disk at the end of the last life. */
  #onDisk: Bitfield

  constructor(metainfo: Metainfo, path: string) {
    this.#metainfo = metainfo
    this.#path = path
    this.#announced = new Bitfield(metainfo.geometry.pieceCount)
    this.#onDisk = new Bitfield(metainfo.geometry.pieceCount)
  }

  get missing(): number {
    return this.#onDisk.length - this.#onDisk.count
  }

  /** A life has ended. */
  close(life: Life, { moment, isKilled, sentBytes }: Ending): LifeRecord {
    const before = this.#onDisk
    const { resume, unfinished } = life
    const { pieceLength } = this.#metainfo.geometry
    if (resume !== undefined && resume.have > before.count)
      this.#find(`it began with ${resume.have} pieces, but ${before.count} were right on disk`)
    if (resume !== undefined && !before.isEmpty && !before.isFull) {
      if (resume.checked > MAX_CHECKED_PIECES)
        this.#find(`it read ${resume.checked} pieces of a download that was under way`)
      if (before.count - resume.have > MAX_FORGOTTEN_PIECES)
        this.#find(`${before.count} pieces were right on disk, and it began with ${resume.have}`)
    }
    if (life.repeated.length > 0) this.#find(`told twice of in one life: ${list(life.repeated)}`)
    const again = [...life.requested].filter((piece) => this.#announced.has(piece))
    if (again.length > 0) this.#find(`announced in an earlier life and asked for again: ${list(again)}`)
    if (isKilled && unfinished.length * pieceLength > MAX_UNFINISHED_BYTES)
      this.#find(`${unfinished.length} pieces were in flight at the kill`)
    const wastedBytes = sentBytes && Math.max(0, sentBytes - life.announced.size * pieceLength)
    if (wastedBytes !== undefined && wastedBytes > MAX_UNFINISHED_BYTES)
      this.#find(`${wastedBytes} bytes were sent in vain`)
    const fetchedTwice = [...life.announced].filter((piece) => before.has(piece))
    for (const piece of life.announced) this.#announced.set(piece)
    this.#onDisk = piecesOnDisk(this.#path, this.#metainfo)
    const wrong: number[] = []
    this.#announced.forEachSet((piece) => {
      if (!this.#onDisk.has(piece)) wrong.push(piece)
    })
    if (wrong.length > 0) this.#find(`announced, but not right on disk: ${list(wrong)}`)
    before.forEachSet((piece) => {
      if (!this.#onDisk.has(piece)) this.#find(`piece ${piece} was right on disk and is not any more`)
    })
    return {
      moment,
      isKilled,
      source: resume?.source,
      found: before.isEmpty ? 'nothing' : before.isFull ? 'everything' : 'part',
      checkedBytes: resume && resume.checked * pieceLength,
      msToListen: life.msTo('listen'),
      msToResume: life.msTo('resume'),
      msToFirstHave: life.msTo('have'),
      announced: life.announced.size,
      hashed: this.#announced.count,
      unfinished: unfinished.length,
      forgotten: resume && before.count - resume.have,
      fetchedTwice: fetchedTwice.length,
      wastedBytes,
    }
  }

  /** What was wrong since this was last asked. */
  takeFindings(): readonly string[] {
    const findings = this.#findings
    this.#findings = []
    return findings
  }

  #find(text: string): void {
    this.#findings.push(text)
  }
}

function list(pieces: readonly number[]): string {
  const shown = pieces.slice(0, 20).join(' ')
  return pieces.length > 20 ? `${shown} … (${pieces.length})` : shown
}
