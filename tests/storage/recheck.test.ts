/** When pieces in doubt are read, and when not. */
import { describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import type { FileStat } from '../../src/storage/disk.ts'
import { LONGEST_RECHECK_MS, PATIENCE_MS, Recheck, RECHECK_BYTES } from '../../src/storage/recheck.ts'

const changed = new StorageError('disk.changed', 'it was written to')

/** Two files of four pieces each; what is read is good unless it is in `bad`. */
function makeRecheck({ pieceLength = 10, isComplete = true } = {}) {
  const clock = new SimClock()
  const geometry = new PieceGeometry(pieceLength, [
    { path: ['a'], length: 4 * pieceLength },
    { path: ['b'], length: 4 * pieceLength },
  ])
  const have = Bitfield.full(8)
  const files: (FileStat | StorageError)[] = ['1', '2'].map((inode) => ({
    length: 4 * pieceLength,
    modifiedAt: 0,
    changedAt: 0,
    attributes: '',
    inode,
  }))
  const known = files.slice() as FileStat[]
  const bad = new Set<number>()
  let isReadable = true
  let isOpen = false
  const reads: string[] = []
  const looks: string[] = []
  const said: string[] = []
  /** Of verdicts: when the next look is due, in seconds. */
  const retries: (number | undefined)[] = []
  const recheck = new Recheck({
    geometry,
    clock,
    have,
    emit: (event) => {
      said.push(event.event)
      if (event.event === 'disk_verdict') retries.push(event.retrySeconds)
    },
    isComplete: () => isComplete,
    knownOf: (file) => known[file],
    onGood: (pieces) => {
      for (const piece of pieces) have.set(piece)
    },
    onBad: (pieces) => said.push(`lost ${pieces.join(' ')}`),
    onVerified: (file, stat) => (known[file] = stat),
    onGone: (error) => said.push(error.message),
    payload: {
      read: (_piece, _begin, _into, done) => void clock.after(0, done),
      reopen: () => (isOpen = true),
      statFiles: (asked, onFile, done) => {
        looks.push(asked.join(' '))
        clock.after(0, () => {
          for (const file of asked) onFile(file, files[file]!)
          done()
        })
      },
      verify: (pieces, onPiece, done) => {
        expect(isOpen, 'files are opened anew before they are read').toBe(true)
        reads.push(pieces.join(' '))
        const cancel = clock.after(5, () => {
          if (isReadable) for (const piece of pieces) onPiece(piece, !bad.has(piece))
          done(isReadable ? undefined : new StorageError('disk.worker', 'a worker died'))
        })
        return () => {
          reads.push('cancelled')
          cancel()
        }
      },
    },
  })
  return {
    clock,
    have,
    files,
    bad,
    failReads: () => (isReadable = false),
    known,
    retries,
    close: () => recheck.close(),
    looks: () => looks.splice(0),
    reads: () => reads.splice(0),
    said: () => said.splice(0),
    touch: (file: number) => (files[file] = { ...(files[file] as FileStat), modifiedAt: clock.now() + 1 }),
    doubt: (...pieces: number[]) => {
      isOpen = false
      for (const piece of pieces) have.clear(piece)
      recheck.doubt(pieces, changed)
    },
  }
}

test('a file that is being written to is not read before it stands still', () => {
  const { clock, touch, doubt, reads, have } = makeRecheck()
  doubt(0, 1, 2, 3)
  for (let second = 0; second < 20; second++) {
    touch(0)
    clock.runUntil(clock.now() + 1_000)
  }
  expect(reads()).toEqual([])
  clock.runUntil(clock.now() + 3_000)
  expect(reads()).toEqual(['0 1 2 3'])
  expect(have.isFull).toBe(true)
})

test('one file that never stands still does not keep the pieces of another from being read', () => {
  const { clock, touch, doubt, reads, have } = makeRecheck()
  doubt(0, 5)
  for (let second = 0; second < 5; second++) {
    touch(0)
    clock.runUntil(clock.now() + 1_000)
  }
  expect(reads()).toEqual(['5'])
  expect(have.has(5)).toBe(true)
  expect(have.has(0)).toBe(false)
})

test('verdicts on a file that changed while it was read mean nothing', () => {
  const { clock, touch, doubt, reads, have } = makeRecheck()
  doubt(0)
  clock.runUntil(1_003)
  touch(0)
  clock.runUntil(1_500)
  expect(reads()).toEqual(['0'])
  expect(have.has(0)).toBe(false)
  clock.runUntil(4_000)
  expect(have.has(0)).toBe(true)
})

test('a file that is gone is not read; its pieces are lost once, and verified when it is back', () => {
  const { clock, files, doubt, reads, said, have } = makeRecheck()
  const before = files[1]!
  files[1] = new StorageError('disk.missing', 'b is not there')
  doubt(4, 5, 6, 7)
  clock.runUntil(30_000)
  expect(reads()).toEqual([])
  expect(said()).toEqual(['disk_doubt', 'lost 4 5 6 7', 'disk_verdict'])
  files[1] = before
  clock.runUntil(30_000 + LONGEST_RECHECK_MS)
  expect(reads()).toEqual(['4 5 6 7'])
  expect(have.isFull).toBe(true)
})

test('of many pieces that stay bad one is tried at a time, in turn and ever more rarely, until one is good', () => {
  const { clock, doubt, bad, reads, said, have } = makeRecheck()
  for (const piece of [1, 2, 3]) bad.add(piece)
  doubt(1, 2, 3)
  clock.runUntil(32_000)
  expect(reads()).toEqual(['1 2 3', '1', '2', '3', '1'])
  expect(said()).toEqual(['disk_doubt', 'lost 1 2 3', 'disk_verdict'])
  bad.clear()
  clock.runUntil(32_000 + LONGEST_RECHECK_MS)
  expect(reads()).toEqual(['2', '1 3'])
  expect(have.isFull).toBe(true)
})

test('when nothing good is left for a minute it is given up, with the reason for the doubt', () => {
  const { clock, bad, doubt, said } = makeRecheck()
  const all = [0, 1, 2, 3, 4, 5, 6, 7]
  for (const piece of all) bad.add(piece)
  doubt(...all)
  clock.runUntil(PATIENCE_MS)
  expect(said()).not.toContainEqual(expect.stringContaining('nothing'))
  clock.runUntil(3 * PATIENCE_MS)
  expect(said()).toEqual([`nothing is left to serve: ${changed.message}`])
})

/** Five of eight are read at a time. */
const LONG = Math.ceil(RECHECK_BYTES / 5)

test('of much that is in doubt some is served again while the rest is read', () => {
  const { clock, doubt, bad, reads, have, said } = makeRecheck({ pieceLength: LONG })
  bad.add(1)
  doubt(0, 1, 2, 3, 4, 5, 6, 7)
  clock.runUntil(1_007)
  expect(reads()).toEqual(['0 1 2 3 4', '5 6 7'])
  expect(have.indices()).toEqual([0, 2, 3, 4])
  clock.runUntil(1_050)
  expect(have.indices()).toEqual([0, 2, 3, 4, 5, 6, 7])
  expect(said()).toEqual(['disk_doubt', 'lost 1', 'disk_verdict', 'disk_verdict'])
})

test('much that is bad is read to its end before there is a pause', () => {
  const { clock, doubt, bad, reads, said } = makeRecheck({ pieceLength: LONG })
  for (let piece = 0; piece < 8; piece++) bad.add(piece)
  doubt(0, 1, 2, 3, 4, 5, 6, 7)
  clock.runUntil(1_050)
  expect(reads()).toEqual(['0 1 2 3 4', '5 6 7'])
  expect(said()).toEqual(['disk_doubt', 'lost 0 1 2 3 4', 'disk_verdict', 'lost 5 6 7', 'disk_verdict'])
})

test('when reading gives no verdict on some of much, it is not tried again at once', () => {
  const { clock, doubt, reads, failReads } = makeRecheck({ pieceLength: LONG })
  failReads()
  doubt(0, 1, 2, 3, 4, 5, 6, 7)
  clock.runUntil(2_500)
  expect(reads()).toEqual(['0 1 2 3 4'])
})

test('another doubt does not put off a check that is planned', () => {
  const { clock, doubt, reads } = makeRecheck()
  doubt(0)
  clock.runUntil(900)
  doubt(5)
  clock.runUntil(1_500)
  expect(reads()).toEqual(['0 5'])
})

test('what is doubted during a check is read in the next, and so is what is doubted after all was well', () => {
  const { clock, doubt, reads, have, said } = makeRecheck()
  doubt(0)
  clock.runUntil(1_002)
  doubt(1)
  clock.runUntil(10_000)
  expect(reads()).toEqual(['0', '1'])
  expect(have.isFull).toBe(true)
  doubt(2)
  clock.runUntil(20_000)
  expect(reads()).toEqual(['2'])
  expect([have.isFull, said().filter((event) => event === 'disk_doubt')]).toEqual([
    true,
    ['disk_doubt', 'disk_doubt', 'disk_doubt'],
  ])
})

test('only files with pieces in doubt are looked at', () => {
  const { clock, doubt, looks } = makeRecheck()
  doubt(5)
  clock.runUntil(2_000)
  expect(looks()).toEqual(['1', '1'])
})

test('bad pieces of a file that changed while it was read are not lost, nor is its new state taken for good', () => {
  const { clock, touch, doubt, bad, known, said } = makeRecheck()
  bad.add(0)
  doubt(0)
  clock.runUntil(1_003)
  touch(0)
  clock.runUntil(1_500)
  expect(said()).toEqual(['disk_doubt'])
  expect(known[0]!.modifiedAt).toBe(0)
})

test('a verdict tells when the next look is due; none is when nothing is in doubt', () => {
  const { clock, doubt, bad, retries } = makeRecheck()
  bad.add(1)
  doubt(0, 1)
  clock.runUntil(1_500)
  doubt(2)
  bad.clear()
  clock.runUntil(LONGEST_RECHECK_MS)
  expect(retries).toEqual([1, 1, undefined])
})

test.each([
  ['before a check', 500],
  ['while it reads', 1_002],
])('what is closed %s says nothing more', (_when, ms) => {
  const { clock, doubt, reads, said, close, have } = makeRecheck()
  doubt(0)
  clock.runUntil(ms)
  const isReading = ms > 1_000
  expect([reads(), said()]).toEqual(isReading ? [['0'], ['disk_doubt']] : [[], []])
  close()
  clock.runUntil(10_000)
  expect([reads(), said(), have.has(0)]).toEqual([isReading ? ['cancelled'] : [], [], false])
})

describe('while the download is not complete', () => {
  test('a bad piece is fetched again: it is no longer in doubt, and may be lost once more', () => {
    const { clock, doubt, bad, reads, said } = makeRecheck({ isComplete: false })
    bad.add(1)
    for (let times = 0; times < 2; times++) {
      doubt(1)
      clock.runUntil(clock.now() + 5 * PATIENCE_MS)
      expect(reads()).toEqual(['1'])
      expect(said()).toEqual(['disk_doubt', 'lost 1', 'disk_verdict'])
    }
  })

  test('nothing is given up', () => {
    const { clock, doubt, said, failReads } = makeRecheck({ isComplete: false })
    failReads()
    doubt(0, 1, 2, 3, 4, 5, 6, 7)
    clock.runUntil(5 * PATIENCE_MS)
    expect(said()).toEqual(['disk_doubt'])
  })

  test('the times of a file mean nothing, since we write to it; another file in its place does', () => {
    const { clock, doubt, touch, files, have } = makeRecheck({ isComplete: false })
    doubt(0, 5)
    clock.runUntil(1_002)
    touch(0)
    files[1] = { ...(files[1] as FileStat), inode: 'another' }
    clock.runUntil(1_500)
    expect([have.has(0), have.has(5)]).toEqual([true, false])
  })
})
