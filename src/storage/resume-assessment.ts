/** Assesses an existing payload before any of it is read: what to trust, what to check, what is not there. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import type { Millis, Random } from '../protocol/ports.ts'
import type { FileStat } from './disk.ts'
import type { RememberedFile, ResumeState } from './resume.ts'

/**
 * A file written to this long after the last note was not written by the download that took the notes: its last write
 * comes before a note, or is under way when the process dies.
 */
const LATEST_WRITE_MS: Millis = 60_000

/**
 * `known`: the file that the download left there. `changed`: the same file, but somebody else has written to it. `strange`:
 * another file. `absent`: none, or an empty one. Padding is known.
 */
export type FileJudgement = 'known' | 'changed' | 'strange' | 'absent'

/**
 * Compares the files that are found with those that are remembered.
 *
 * @param state undefined when there is none to trust
 * @param writtenAt when the state or a note was last written
 */
export function judgeFiles(
  state: ResumeState | undefined,
  geometry: PieceGeometry,
  { found, writtenAt }: { readonly found: readonly (FileStat | undefined)[]; readonly writtenAt: number },
): FileJudgement[] {
  return geometry.files.map(({ isPadding }, file) => {
    if (isPadding) return 'known'
    const now = found[file]
    if (now === undefined || now.length === 0) return 'absent'
    const then = state?.files[file]
    if (now.length !== then?.length || now.inode !== then.inode) return 'strange'
    return areTimesRight(now, then, state!.isClean ? undefined : writtenAt) ? 'known' : 'changed'
  })
}

/** Pieces in neither of these are not there. */
export interface Assessment {
  /** Good, as far as names, lengths and times can tell. */
  readonly trusted: Bitfield
  /** Those of them that are durable. */
  readonly synced: Bitfield
  /** To be verified, in order. */
  readonly doubtful: readonly number[]
  /** Those of them that were written before this boot: if good, they are durable. */
  readonly survivors: Bitfield
}

/**
 * @param noted what was written after the state was taken
 * @param boot the current one: within the same boot, what was written can be read, synced or not
 */
export function assess(
  state: ResumeState | undefined,
  geometry: PieceGeometry,
  {
    files,
    noted,
    boot,
  }: {
    readonly files: readonly FileJudgement[]
    readonly noted: Bitfield
    readonly boot: string
  },
): Assessment {
  const { pieceCount } = geometry
  const areBootsKnown = state !== undefined && state.boot !== '' && boot !== ''
  const isSameBoot = areBootsKnown && state.boot === boot
  const isDoubtful = new Uint8Array(pieceCount)
  const isAbsent = new Uint8Array(pieceCount)
  for (const [file, judgement] of files.entries()) {
    // An empty file is part of no piece.
    const [first, end] = geometry.piecesOf(file)
    if (judgement === 'strange' || judgement === 'changed') isDoubtful.fill(1, first, end)
    if (judgement === 'absent') isAbsent.fill(1, first, end)
  }
  const trusted = new Bitfield(pieceCount)
  const synced = new Bitfield(pieceCount)
  const survivors = new Bitfield(pieceCount)
  const doubtful: number[] = []
  for (let piece = 0; piece < pieceCount; piece++) {
    const isSynced = state?.synced.has(piece) ?? false
    const isNamed = isSynced || state?.written.has(piece) || noted.has(piece)
    if (isAbsent[piece] === 1) continue
    if (isDoubtful[piece] === 1 || (isNamed && !isSynced && !isSameBoot)) doubtful.push(piece)
    else if (isNamed) trusted.set(piece)
    if (isNamed && areBootsKnown && !isSameBoot && isDoubtful[piece] === 0 && !isSynced) survivors.set(piece)
    if (isSynced && trusted.has(piece)) synced.set(piece)
  }
  return { trusted, synced, doubtful, survivors }
}

/** A random few of the given pieces, in order: to be verified before the others are trusted. */
export function sampleOf(pieces: Bitfield, count: number, random: Random): number[] {
  const sample: number[] = []
  let left = pieces.count
  pieces.forEachSet((piece) => {
    if (random.int(left--) < count - sample.length) sample.push(piece)
  })
  return sample
}

/**
 * A file that was written and dated back is revealed by `changedAt`. So is one whose bytes were not touched, after a chmod or
 * another hard link: then it is read once for nothing.
 *
 * @param writtenAt when the last note was; undefined when nothing was written after the file was remembered
 */
function areTimesRight(now: FileStat, then: RememberedFile, writtenAt: number | undefined): boolean {
  return (['modifiedAt', 'changedAt'] as const).every((time) => {
    if (writtenAt === undefined) return now[time] === then[time]
    return now[time] >= then[time] && now[time] <= writtenAt + LATEST_WRITE_MS
  })
}
