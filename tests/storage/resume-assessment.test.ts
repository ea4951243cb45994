import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import type { InfoHash } from '../../src/protocol/ids.ts'
import type { FileStat } from '../../src/storage/disk.ts'
import { assess, judgeFiles, sampleOf } from '../../src/storage/resume-assessment.ts'
import type { ResumeState } from '../../src/storage/resume.ts'

/** Ten pieces: `a` has 0–3, `b` 3–5 (piece 3 is shared), `c` the rest. */
const geometry = new PieceGeometry(10, [
  { path: ['a'], length: 35 },
  { path: ['b'], length: 25 },
  { path: ['c'], length: 40 },
])
const files: FileStat[] = geometry.files.map(({ length }) => ({
  length,
  modifiedAt: 1000.5,
  changedAt: 1000.75,
  attributes: '',
  inode: '7',
}))
const NONE = '..........'

/** `##..` → pieces 0 and 1. */
function pieces(picture: string): Bitfield {
  const field = new Bitfield(picture.length)
  for (const [at, sign] of [...picture].entries()) if (sign === '#') field.set(at)
  return field
}

/** Of a process that ended in order, unless told otherwise. */
const state = (synced: string, over: Partial<ResumeState> = {}): ResumeState => ({
  infoHash: new Uint8Array(20) as InfoHash,
  boot: 'b1',
  key: new Uint8Array(8),
  synced: pieces(synced),
  written: pieces(synced),
  files,
  isClean: true,
  ...over,
})
/** Of a process that died. */
const torn = (synced: string, written = synced): ResumeState =>
  state(synced, { written: pieces(written), isClean: false })

const SAVED_AT = 1500

/** `S` trusted and durable, `#` trusted, `?` to be verified, `.` not there. */
function picture(
  remembered: ResumeState | undefined,
  found: readonly (FileStat | undefined)[],
  { noted = NONE, isSameBoot = true, over = geometry } = {},
): string {
  const judged = judgeFiles(remembered, over, { found, writtenAt: SAVED_AT })
  const { trusted, synced, doubtful } = assess(remembered, over, {
    files: judged,
    noted: pieces(noted),
    boot: isSameBoot ? 'b1' : 'b2',
  })
  return Array.from({ length: 10 }, (_, piece) => {
    expect(trusted.has(piece) && doubtful.includes(piece)).toBe(false)
    expect(synced.has(piece) && !trusted.has(piece)).toBe(false)
    if (trusted.has(piece)) return synced.has(piece) ? 'S' : '#'
    return doubtful.includes(piece) ? '?' : '.'
  }).join('')
}

const modified = (file: number, modifiedAt: number): FileStat[] =>
  files.with(file, { ...files[file]!, modifiedAt })
/** Written to, and dated back. */
const backdated = (file: number, changedAt: number): FileStat[] =>
  files.with(file, { ...files[file]!, changedAt })

describe('after an orderly end', () => {
  const clean = state('####.##..#')

  test('everything that is remembered counts, while no file has changed', () => {
    expect(picture(clean, files)).toBe('SSSS.SS..S')
    expect(picture(clean, files, { isSameBoot: false })).toBe('SSSS.SS..S')
  })

  test('a file of another time, length or inode is in doubt with all its pieces, shared ones included', () => {
    expect(picture(clean, modified(1, 1001))).toBe('SSS???S..S')
    expect(picture(clean, modified(0, 1000))).toBe('????.SS..S')
    expect(picture(clean, files.with(2, { ...files[2]!, length: 39 }))).toBe('SSSS.S????')
    expect(picture(clean, files.with(2, { ...files[2]!, inode: '8' }))).toBe('SSSS.S????')
  })

  test('a file that was dated back is in doubt, too', () => {
    expect(picture(clean, backdated(1, 1001))).toBe('SSS???S..S')
  })

  test('what was never synced counts as long as the machine is up', () => {
    const unsynced = state('##........', { written: pieces('####......') })
    expect(picture(unsynced, files)).toBe('SS##......')
    expect(picture(unsynced, files, { isSameBoot: false })).toBe('SS??......')
  })
})

test('whose a file is tells its inode; whether it is as it was, its time', () => {
  const judge = (over: Partial<FileStat>): string =>
    judgeFiles(torn('##........'), geometry, { found: [{ ...files[0]!, ...over }], writtenAt: SAVED_AT })[0]!
  expect(judge({})).toBe('known')
  expect(judge({ modifiedAt: 1 })).toBe('changed')
  expect(judge({ modifiedAt: SAVED_AT + 3_600_000 })).toBe('changed')
  expect(judge({ inode: '8' })).toBe('strange')
  expect(judge({ length: 34 })).toBe('strange')
  expect(judge({ length: 0 })).toBe('absent')
})

describe('after the process died', () => {
  test('what was written since is known from notes, and what nobody named is not there', () => {
    expect(picture(torn('##........', '###.......'), files, { noted: '...##.....' })).toBe('SS###.....')
  })

  test('and the machine too, what was not synced is verified', () => {
    const notes = { noted: '...##.....', isSameBoot: false }
    expect(picture(torn('##........', '###.......'), files, notes)).toBe('SS???.....')
  })

  test('what is right after the machine started again has reached the disk', () => {
    const survivorsAt = (boot: string, then = 'b1'): number[] =>
      assess({ ...torn('##........', '###.......'), boot: then }, geometry, {
        files: ['known', 'known', 'changed'],
        noted: pieces('...##...#.'),
        boot,
      }).survivors.indices()
    expect(survivorsAt('b2')).toEqual([2, 3, 4])
    expect(survivorsAt('b1')).toEqual([])
    expect(survivorsAt('')).toEqual([])
    expect(survivorsAt('b2', '')).toEqual([])
  })

  test('a later time is expected, but not one of long after the last note', () => {
    expect(picture(torn('####.##..#'), modified(1, SAVED_AT + 59_000))).toBe('SSSS.SS..S')
    expect(picture(torn('####.##..#'), modified(1, SAVED_AT + 61_000))).toBe('SSS???S..S')
  })

  test('a file that was dated back long after the last note is in doubt, too', () => {
    expect(picture(torn('####.##..#'), backdated(1, SAVED_AT + 59_000))).toBe('SSSS.SS..S')
    expect(picture(torn('####.##..#'), backdated(1, SAVED_AT + 61_000))).toBe('SSS???S..S')
    expect(picture(torn('####.##..#'), backdated(1, 1000))).toBe('SSS???S..S')
  })

  test('an earlier time is a sign of another file', () => {
    expect(picture(torn('####.##..#'), modified(0, 999))).toBe('????.SS..S')
  })
})

test('pieces of a file that is gone, or empty, are not there, whoever names them', () => {
  expect(picture(state('####.##..#'), [undefined, files[1], files[2]])).toBe('.....SS..S')
  expect(
    picture(state('####.##..#'), files.with(0, { ...files[0]!, length: 0 }), { noted: '#.........' }),
  ).toBe('.....SS..S')
})

test('without a resume file everything that exists is verified, and a fresh start verifies nothing', () => {
  expect(picture(undefined, files)).toBe('??????????')
  expect(picture(undefined, [undefined, undefined, undefined])).toBe(NONE)
  // Pieces 3 and 5 lie in two files each: of the others nothing is there.
  expect(picture(undefined, [undefined, files[1], undefined])).toBe('....??....')
})

test('padding has no file that could tell, and counts', () => {
  const over = new PieceGeometry(10, [
    { path: ['a'], length: 15 },
    { path: ['.pad', '25'], length: 25, isPadding: true },
    { path: ['c'], length: 60 },
  ])
  const now = [{ ...files[0]!, length: 15 }, undefined, { ...files[2]!, length: 60 }]
  expect(picture(state('####.##..#', { files: now }), now, { over })).toBe('SSSS.SS..S')
})

test('an empty file between two others keeps no piece from being there', () => {
  const over = new PieceGeometry(10, [
    { path: ['a'], length: 35 },
    { path: ['empty'], length: 0 },
    { path: ['c'], length: 65 },
  ])
  const now = [{ ...files[0]!, length: 35 }, undefined, { ...files[2]!, length: 65 }]
  expect(picture(state('####.##..#', { files: now }), now, { over })).toBe('SSSS.SS..S')
})

test('a sample is some of the pieces, all of them when there are few', () => {
  const have = pieces('##.#######')
  expect(sampleOf(have, 20, new SeededRandom(1))).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 9])
  const drawn = new Set<number>()
  for (let seed = 0; seed < 100; seed++) {
    const sample = sampleOf(have, 3, new SeededRandom(seed))
    expect(sample.length).toBe(3)
    for (const piece of sample) drawn.add(piece)
  }
  expect([...drawn].sort()).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 9])
})
