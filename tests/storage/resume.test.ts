import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import type { InfoHash } from '../../src/protocol/ids.ts'
import { decodeResume, encodeResume } from '../../src/storage/resume.ts'
import type { RememberedFile, ResumeState } from '../../src/storage/resume.ts'
import { hashes } from '../support/hashes.ts'

/** Ten pieces: `a` has 0–3, `b` 3–5 (piece 3 is shared), `c` the rest. */
const geometry = new PieceGeometry(10, [
  { path: ['a'], length: 35 },
  { path: ['b'], length: 25 },
  { path: ['c'], length: 40 },
])
const infoHash = new Uint8Array(20).fill(0xab) as InfoHash
const files: RememberedFile[] = geometry.files.map(({ length }) => ({
  length,
  modifiedAt: 1000.5,
  changedAt: 1000.75,
  inode: '7',
}))

/** JSON has no negative zero. */
const time = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)

/** `##..` → pieces 0 and 1. */
function pieces(picture: string): Bitfield {
  const field = new Bitfield(picture.length)
  for (const [at, sign] of [...picture].entries()) if (sign === '#') field.set(at)
  return field
}

const state = (over: Partial<ResumeState> = {}): ResumeState => ({
  infoHash,
  boot: 'b1',
  key: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  synced: pieces('####......'),
  written: pieces('####.##..#'),
  files,
  isClean: true,
  ...over,
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
              modifiedAt: time,
              changedAt: time,
              inode: fc.string(),
            }),
            { nil: undefined },
          ),
          { minLength: 3, maxLength: 3 },
        ),
        fc.boolean(),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        (bits, stats, isClean, key) => {
          const written = state({
            ...{ key, written: pieces(bits.map((bit) => (bit ? '#' : '.')).join('')) },
            files: stats.map((stat) => stat),
            isClean,
          })
          const read = decodeResume(encodeResume(written, hashes), { infoHash, geometry }, hashes)
          expect(read.written.bytes).toEqual(written.written.bytes)
          expect(read.synced.bytes).toEqual(written.synced.bytes)
          const rest = { written: 0, synced: 0 }
          expect({ ...read, ...rest }).toEqual({ ...written, ...rest })
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
    const text = new TextDecoder().decode(good).replace('bitswarm-resume 3', 'bitswarm-resume 2')
    expect(refusal(new TextEncoder().encode(text))).toContain('version 2')
  })

  /** With a checksum that is right: written by a program that is not. */
  const forged = (json: string): Uint8Array => {
    const body = new TextEncoder().encode(json)
    const sum = Buffer.from(hashes.sha256(body)).toString('hex')
    return new TextEncoder().encode(`bitswarm-resume 3 ${sum}\n${json}`)
  }

  test('never breaks the reader, whatever is in it', () => {
    const good = JSON.parse(new TextDecoder().decode(encodeResume(state(), hashes)).split('\n')[1]!) as object
    for (const [json, reason] of [
      ['{', 'not JSON'],
      ['null', 'malformed'],
      [JSON.stringify({ ...good, extra: 1 }), 'malformed'],
      [JSON.stringify({ ...good, written: '*' }), 'base64'],
      [JSON.stringify({ ...good, synced: '//8=' }), 'do not exist'],
      [JSON.stringify({ ...good, key: '00' }), 'malformed'],
      [JSON.stringify({ ...good, files: [null] }), 'lists 1 files'],
      [JSON.stringify({ ...good, files: [{ ...files[0], length: -1 }, null, null] }), 'malformed'],
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
