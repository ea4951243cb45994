/** What to make of a payload in place before any of it is read: whom to believe, what to check, what is not there. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import type { Millis, Random } from '../protocol/ports.ts'
import type { FileStat } from './disk.ts'
import type { RememberedFile, ResumeState } from './resume.ts'

/**
 * A file that was written to so long after the last note was not written to by the download that took the notes. Its last
 * write comes before a note, or is under way when the process dies.
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
 * @param state undefined when there is none to believe
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

/** Pieces that are in neither of these are not there. */
export interface Assessment {
  /** Good, as far as names, lengths and times can tell. */
  readonly trusted: Bitfield
  /** Those of them that a power cut would not have taken. */
  readonly synced: Bitfield
  /** To be verified, in order. */
  readonly doubtful: readonly number[]
  /** Those of them that were written while the machine ran before: who is good now has reached the disk. */
  readonly survivors: Bitfield
}

/**
 * @param noted what was written after the state was taken
 * @param boot that of now: while it is the same, what was written can be read, synced or not
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
    // An empty file has no piece that it could keep from being there.
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

/** A few of the given pieces by chance, in order: those to verify before the others are trusted. */
export function sampleOf(pieces: Bitfield, count: number, random: Random): number[] {
  const sample: number[] = []
  let left = pieces.count
  pieces.forEachSet((piece) => {
    if (random.int(left--) < count - sample.length) sample.push(piece)
  })
  return sample
}

/**
 * What was written and dated back shows in `changedAt`. So does what did not touch the bytes, a chmod or another hard link:
 * then they are read once for nothing.
 *
 * @param writtenAt when the last note was; undefined when nothing was written after the file was remembered
 */
function areTimesRight(now: FileStat, then: RememberedFile, writtenAt: number | undefined): boolean {
  return (['modifiedAt', 'changedAt'] as const).every((time) => {
    if (writtenAt === undefined) return now[time] === then[time]
    return now[time] >= then[time] && now[time] <= writtenAt + LATEST_WRITE_MS
  })
}
