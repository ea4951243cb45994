/** What a download makes of files that lie where it should go, told over a disk in memory. */
import { beforeEach, describe, expect, test } from 'vitest'
import { Opening, type Opened } from '../../src/app/opening.ts'
import type { SyncPolicy } from '../../src/app/sync-policy.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { buildMetainfo } from '../../src/metainfo/build.ts'
import { PieceGeometry, type PayloadFile } from '../../src/metainfo/geometry.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { SwarmError } from '../../src/protocol/errors.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { hashes } from '../support/hashes.ts'

const PIECE = 16_384
/** Pieces 0–3, 4–7 and 8–9; no piece is shared. */
const FILES: readonly PayloadFile[] = [
  { path: ['a'], length: 4 * PIECE },
  { path: ['b'], length: 4 * PIECE },
  { path: ['c'], length: 2 * PIECE },
]
const FOLDER = '/data/set'

const content = new SeededRandom(7).fill(new Uint8Array(10 * PIECE))
const metainfo: Metainfo = (() => {
  const { pieceCount } = new PieceGeometry(PIECE, FILES)
  const digests = new Uint8Array(20 * pieceCount)
  for (let piece = 0; piece < pieceCount; piece++)
    digests.set(hashes.sha1(content.subarray(piece * PIECE, (piece + 1) * PIECE)), 20 * piece)
  return buildMetainfo(
    { name: 'set', isSingleFile: false, files: FILES, pieceLength: PIECE, digests, isPrivate: false },
    hashes,
  )
})()

let clock: SimClock
let disk: MemoryDisk
let reads: number
beforeEach(() => {
  clock = new SimClock()
  clock.runUntil(1_000)
  disk = new MemoryDisk({ clock, random: new SeededRandom(1), hashes })
})

const partOf = (file: number): Uint8Array => {
  const { offset, length } = metainfo.geometry.files[file]!
  return content.slice(offset, offset + length)
}
const place = (name: string, bytes: Uint8Array): void => disk.writeFile(`${FOLDER}/${name}`, bytes)
const inPlace = (name: string): Uint8Array | undefined => disk.readFile(`${FOLDER}/${name}`)

interface Settings {
  readonly mayOverwrite?: boolean
  readonly sync?: SyncPolicy
}

function open({ mayOverwrite = false, sync = 'interval' }: Settings = {}): Opened | SwarmError {
  let result: Opened | SwarmError | undefined
  new Opening({
    ...{ disk, hashes, random: new SeededRandom(clock.now()), clock, metainfo, path: FOLDER },
    ...{ mode: 'download', check: 'full', sync, mayOverwrite },
    emit: () => {},
    onProgress: () => {},
    onDone: (opened) => (result = opened),
  }).start()
  clock.runUntil(clock.now() + 1_000)
  if (result === undefined) throw new Error('it was not opened')
  reads = result instanceof SwarmError ? Number.NaN : result.checked
  return result
}

function opened(options?: Settings): Opened {
  const result = open(options)
  if (result instanceof SwarmError) throw result
  return result
}

/** `#` for a piece that is there. */
const picture = ({ have }: Opened): string =>
  Array.from({ length: have.length }, (_, piece) => (have.has(piece) ? '#' : '.')).join('')

/** Gets these pieces, as a peer would send them. */
function download({ payload, resume, have }: Opened, pieces: readonly number[]): void {
  for (const piece of pieces) {
    payload.commit(piece, content.slice(piece * PIECE, (piece + 1) * PIECE), (verdict) => {
      expect(verdict).toBe('written')
      have.set(piece)
      resume!.onChange()
    })
    clock.runUntil(clock.now() + 10)
  }
}

function end({ resume }: Opened): void {
  resume!.close(() => {})
  clock.runUntil(clock.now() + 1_000)
}

describe('a download that goes on', () => {
  test('after an orderly end trusts what is remembered, and reads a sample', () => {
    const first = opened()
    expect(first.source).toBe('empty')
    download(first, [0, 5, 9])
    end(first)
    const second = opened()
    expect([picture(second), second.source, reads]).toEqual(['#....#...#', 'resume', 3])
  })

  test('after the process died trusts what was noted, and reads no holes', () => {
    const first = opened()
    download(first, [0, 5])
    clock.runUntil(clock.now() + 10_000)
    download(first, [9, 2])
    disk.kill()
    const second = opened()
    expect([picture(second), second.source, reads]).toEqual(['#.#..#...#', 'resume', 4])
  })

  test('reads everything that is remembered when the sample has a wrong piece', () => {
    const first = opened()
    download(first, [0, 1, 2, 3, 4, 6])
    disk.kill()
    disk.flipBit(`${FOLDER}/b`, 3)
    const second = opened()
    expect([picture(second), reads]).toEqual(['####..#...', 12])
  })

  test('after a power cut believes what was synced, reads what was noted later, and fetches the rest', () => {
    for (let seed = 1; seed <= 30; seed++) {
      disk = new MemoryDisk({ clock, random: new SeededRandom(seed), hashes })
      const first = opened()
      download(first, [0, 5, 6])
      clock.runUntil(clock.now() + 10_000)
      download(first, [9, 2, 7])
      disk.crash()
      const second = opened()
      const there = picture(second)
      expect(there).toMatch(/^#.[#.]..##[#.].[#.]$/)
      expect(reads).toBeLessThanOrEqual(6)
      for (const [piece, sign] of [...there].entries()) if (sign === '#') expect(isRight(piece)).toBe(true)
    }
  })

  test('forgets pieces that somebody else spoilt, at once, notes and all', () => {
    for (const syncedBefore of [true, false]) {
      disk = new MemoryDisk({ clock, random: new SeededRandom(1), hashes })
      const first = opened()
      download(first, [0, 4, 8])
      if (syncedBefore) clock.runUntil(clock.now() + 10_000)
      first.have.clear(4)
      first.resume!.onLost([4])
      clock.runUntil(clock.now() + 10)
      disk.kill()
      expect(picture(opened())).toBe('#.......#.')
    }
  })

  test('does not call durable what was lost while it was synced', () => {
    const first = opened()
    download(first, [0, 4, 8])
    disk.latencyMs = 1_000
    clock.runUntil(clock.now() + 5_000)
    first.have.clear(4)
    first.resume!.onLost([4])
    disk.latencyMs = 0
    clock.runUntil(clock.now() + 10_000)
    disk.crash()
    expect(picture(opened())).toBe('#.......#.')
  })

  test('after each start of the machine reads only what was written since the one before', () => {
    const sync = 'none'
    download(opened({ sync }), [0, 4])
    disk.syncFiles([`${FOLDER}/a`, `${FOLDER}/b`, `${FOLDER}/c`, '/data/.set.bitswarm-notes'])
    disk.crash()
    expect(picture(opened({ sync }))).toBe('#...#.....')
    expect(reads).toBe(2)
    disk.crash()
    disk.flipBit(`${FOLDER}/a`, 5)
    // Both are believed now, so that the sample finds the wrong one, and then all that is named is read.
    expect([picture(opened({ sync })), reads]).toEqual(['....#.....', 4])
  })

  test('trusts nothing of a file that was replaced, all of it of the others', () => {
    const first = opened()
    download(first, [0, 1, 4, 5, 8])
    end(first)
    const replaced = partOf(1)
    replaced.fill(1, 0, PIECE)
    place('b', replaced)
    const second = opened()
    expect(picture(second)).toBe('##...####.')
  })

  test('reads a file that another program has changed, and writes it right again', () => {
    const first = opened()
    download(first, [0, 1, 4, 5])
    end(first)
    clock.runUntil(clock.now() + 5_000)
    disk.writeSpans([{ path: `${FOLDER}/b`, offset: 3, length: 4 }], Uint8Array.of(1, 2, 3, 4))
    const second = opened()
    expect(picture(second)).toBe('##...#....')
  })

  test('that lost its memory finds everything by reading', () => {
    const first = opened()
    download(first, [0, 5, 9])
    disk.kill()
    disk.removeFile('/data/.set.bitswarm-resume')
    const second = opened()
    expect([picture(second), second.source, reads]).toEqual(['#....#...#', 'check', 10])
  })

  test('does not believe a memory that somebody has edited', () => {
    const first = opened()
    download(first, [0])
    end(first)
    const resume = new TextDecoder().decode(disk.readFile('/data/.set.bitswarm-resume'))
    disk.writeFile(
      '/data/.set.bitswarm-resume',
      new TextEncoder().encode(resume.replace('"boot":"', '"boot":"x')),
    )
    const second = opened()
    expect([picture(second), second.source]).toEqual(['#.........', 'check'])
  })
})

const isRight = (piece: number): boolean => {
  const file = metainfo.geometry.files.findLast(({ offset }) => offset <= piece * PIECE)!
  const at = piece * PIECE - file.offset
  const bytes = inPlace(file.path[0]!)!.subarray(at, at + PIECE)
  return Buffer.from(bytes).equals(content.subarray(piece * PIECE, (piece + 1) * PIECE))
}

describe('a file that somebody else put there', () => {
  const letter = new TextEncoder().encode('Dear Sir or Madam, '.repeat(4_000))
  const refusal = (): string => {
    const result = open()
    return result instanceof SwarmError ? `${result.code} ${result.message}` : 'opened'
  }

  test.each([
    ['is longer', letter],
    ['is as long', letter.subarray(0, 4 * PIECE)],
    ['is shorter', letter.subarray(0, 100)],
  ])('is left alone and the download refused when it %s', (_, bytes) => {
    place('b', bytes.slice())
    expect(refusal()).toMatch(
      /^disk\.occupied \/data\/set\/b is something else .*: move it away, .*-overwrite$/,
    )
    expect(inPlace('b')).toEqual(bytes)
    expect(disk.fileNames()).toEqual([`${FOLDER}/b`])
  })

  test('that cannot be read is not said to be something else', () => {
    place('b', letter.subarray(0, 4 * PIECE).slice())
    disk.setFault('read', 'disk.permission')
    expect(refusal()).toMatch(/^disk\.permission /)
  })

  test('is overwritten when that is asked for, and then belongs to the download', () => {
    place('b', letter.slice())
    const first = opened({ mayOverwrite: true })
    expect(picture(first)).toBe('..........')
    expect(inPlace('b')!.length).toBe(4 * PIECE)
    end(first)
    expect(picture(opened())).toBe('..........')
  })

  test('keeps what is right of it also when it may be overwritten', () => {
    const long = new Uint8Array(5 * PIECE).fill(1)
    long.set(partOf(1).subarray(0, 2 * PIECE))
    place('b', long)
    expect(refusal()).toContain('disk.occupied')
    expect(picture(opened({ mayOverwrite: true }))).toBe('....##....')
  })

  test('is no hindrance when it is empty, or holds nothing but zeros: another client made room', () => {
    place('a', new Uint8Array(0))
    place('b', new Uint8Array(4 * PIECE))
    place('c', new Uint8Array(10))
    expect(picture(opened())).toBe('..........')
  })

  test('is taken over when any piece of it is right: the rest is on its way', () => {
    const part = partOf(1)
    part.fill(0, PIECE)
    place('b', part)
    expect(picture(opened())).toBe('....#.....')
  })

  test('counts when it is right to the end', () => {
    place('a', partOf(0))
    place('c', partOf(2))
    const first = opened()
    expect(picture(first)).toBe('####....##')
  })

  test('took the place of one of ours: it is refused, and our memory of the others stays', () => {
    const first = opened()
    download(first, [0, 4])
    end(first)
    place('b', letter.subarray(0, 4 * PIECE).slice())
    expect(refusal()).toContain('disk.occupied')
    disk.removeFile(`${FOLDER}/b`)
    expect(picture(opened())).toBe('#.........')
  })
})
