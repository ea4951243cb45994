import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import type { InfoHash } from '../../src/protocol/ids.ts'
import { assess, decodeResume, encodeResume, sampleOf } from '../../src/storage/resume.ts'
import type { RememberedFile, ResumeState } from '../../src/storage/resume.ts'
import { hashes } from '../support/hashes.ts'

/** Ten pieces: `a` has 0–3, `b` 3–5 (piece 3 is shared), `c` the rest. */
const geometry = new PieceGeometry(10, [
  { path: ['a'], length: 35 },
  { path: ['b'], length: 25 },
  { path: ['c'], length: 40 },
])
const infoHash = new Uint8Array(20).fill(0xab) as InfoHash
const files: RememberedFile[] = geometry.files.map(({ length }) => ({ length, modifiedAt: 1000.5 }))

/** `##..` → pieces 0 and 1. */
function pieces(picture: string): Bitfield {
  const field = new Bitfield(picture.length)
  for (const [at, sign] of [...picture].entries()) if (sign === '#') field.set(at)
  return field
}

const state = (over: Partial<ResumeState> = {}): ResumeState => ({
  infoHash,
  pieces: pieces('####.##..#'),
  files,
  isClean: true,
  ...over,
})

/** `#` trusted, `?` to be verified, `.` not there. */
function picture(
  remembered: ResumeState | undefined,
  found: readonly (RememberedFile | undefined)[],
): string {
  const { trusted, doubtful } = assess(remembered, geometry, found)
  return Array.from({ length: 10 }, (_, piece) => {
    expect(trusted.has(piece) && doubtful.includes(piece)).toBe(false)
    return trusted.has(piece) ? '#' : doubtful.includes(piece) ? '?' : '.'
  }).join('')
}

const later = (file: number): RememberedFile[] => files.with(file, { ...files[file]!, modifiedAt: 2000 })
const earlier = (file: number): RememberedFile[] => files.with(file, { ...files[file]!, modifiedAt: 1000 })

describe('what a resume file vouches for', () => {
  test('everything that it names, while no file has changed', () => {
    expect(picture(state(), files)).toBe('####.##..#')
  })

  test('nothing of a file that changed after an orderly end, shared pieces included', () => {
    expect(picture(state(), later(1))).toBe('###???#..#')
    expect(picture(state(), earlier(0))).toBe('????.##..#')
    expect(picture(state(), files.with(2, { length: 39, modifiedAt: 1000.5 }))).toBe('####.#????')
  })

  test('nothing of a file that is gone', () => {
    expect(picture(state(), [undefined, files[1], files[2]])).toBe('????.##..#')
  })

  test('padding as well, which has no file that could tell', () => {
    const padded = new PieceGeometry(10, [
      { path: ['a'], length: 15 },
      { path: ['.pad', '25'], length: 25, isPadding: true },
      { path: ['c'], length: 60 },
    ])
    const now = [{ length: 15, modifiedAt: 1 }, undefined, { length: 60, modifiedAt: 1 }]
    const remembered = state({ pieces: pieces('####.##..#'), files: now })
    expect(assess(remembered, padded, now)).toEqual({ trusted: pieces('####.##..#'), doubtful: [] })
  })

  test('after a crash a later time is expected, and what is not named may have been written', () => {
    expect(picture(state({ isClean: false }), later(1))).toBe('####?##??#')
  })

  test('after a crash an earlier time is a sign of another file', () => {
    expect(picture(state({ isClean: false }), earlier(0))).toBe('?????##??#')
  })

  test('without a resume file everything that exists is verified, and a fresh start verifies nothing', () => {
    expect(picture(undefined, [undefined, files[1], undefined])).toBe('...???....')
    expect(picture(undefined, files)).toBe('??????????')
    expect(picture(undefined, [undefined, undefined, undefined])).toBe('..........')
  })
})

describe('the resume file', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
        fc.array(
          fc.option(
            fc.record({
              length: fc.maxSafeNat(),
              modifiedAt: fc.double({ noNaN: true, noDefaultInfinity: true }),
            }),
            { nil: undefined },
          ),
          { minLength: 3, maxLength: 3 },
        ),
        fc.boolean(),
        (bits, stats, isClean) => {
          const written = state({
            pieces: pieces(bits.map((bit) => (bit ? '#' : '.')).join('')),
            files: stats.map((stat) => stat && { ...stat, modifiedAt: stat.modifiedAt + 0 }),
            isClean,
          })
          const read = decodeResume(encodeResume(written, hashes), { infoHash, geometry }, hashes)
          expect(read.pieces.bytes).toEqual(written.pieces.bytes)
          expect({ ...read, pieces: 0 }).toEqual({ ...written, pieces: 0 })
        },
      ),
    )
  })

  const refusal = (
    bytes: Uint8Array,
    over: { infoHash?: InfoHash; geometry?: PieceGeometry } = {},
  ): string => {
    try {
      decodeResume(bytes, { infoHash, geometry, ...over }, hashes)
      return 'trusted'
    } catch (error) {
      expect(error).toBeInstanceOf(StorageError)
      expect((error as StorageError).code).toBe('disk.resume')
      return (error as StorageError).message
    }
  }

  test('is distrusted whichever byte is wrong and wherever it was cut off', () => {
    const good = encodeResume(state(), hashes)
    expect(refusal(good)).toBe('trusted')
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice()
      bad[at]! ^= 0x20
      expect(refusal(bad)).not.toBe('trusted')
      expect(refusal(good.subarray(0, at))).not.toBe('trusted')
    }
  })

  test('is distrusted when it says something else that makes sense', () => {
    const text = new TextDecoder().decode(encodeResume(state(), hashes)).replace('1000.5', '1000.6')
    expect(refusal(new TextEncoder().encode(text))).toContain('checksum')
  })

  test('is distrusted for another payload, another shape of it, and another version', () => {
    const good = encodeResume(state(), hashes)
    expect(refusal(good, { infoHash: new Uint8Array(20) as InfoHash })).toContain('another payload')
    expect(refusal(good, { geometry: new PieceGeometry(10, [{ path: [], length: 100 }]) })).toContain(
      'lists 3 files',
    )
    expect(refusal(good, { geometry: new PieceGeometry(5, geometry.files) })).toContain('number of pieces')
    const text = new TextDecoder().decode(good).replace('bitswarm-resume 1', 'bitswarm-resume 2')
    expect(refusal(new TextEncoder().encode(text))).toContain('version 2')
  })

  /** With a checksum that is right: written by a program that is not. */
  const forged = (json: string): Uint8Array => {
    const body = new TextEncoder().encode(json)
    const sum = Buffer.from(hashes.sha256(body)).toString('hex')
    return new TextEncoder().encode(`bitswarm-resume 1 ${sum}\n${json}`)
  }

  test('never breaks the reader, whatever is in it', () => {
    const good = JSON.parse(new TextDecoder().decode(encodeResume(state(), hashes)).split('\n')[1]!) as object
    for (const [json, reason] of [
      ['{', 'not JSON'],
      ['null', 'malformed'],
      [JSON.stringify({ ...good, extra: 1 }), 'malformed'],
      [JSON.stringify({ ...good, pieces: '*' }), 'base64'],
      [JSON.stringify({ ...good, pieces: '//8=' }), 'do not exist'],
      [JSON.stringify({ ...good, files: [null] }), 'lists 1 files'],
      [JSON.stringify({ ...good, files: [{ length: -1, modifiedAt: 0 }, null, null] }), 'malformed'],
    ] as const)
      expect(refusal(forged(json))).toContain(reason)
    fc.assert(
      fc.property(fc.uint8Array(), fc.json(), (bytes, json) => {
        expect(refusal(bytes)).not.toBe('trusted')
        expect(refusal(forged(json))).not.toBe('trusted')
      }),
    )
  })
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
