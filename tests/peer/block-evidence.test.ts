/** Who is convicted of which block when a piece that was bad comes right. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import { BlockEvidence, MAX_EVIDENCE_BYTES } from '../../src/peer/block-evidence.ts'
import { hashes } from '../support/hashes.ts'

/** `aab`: a block of each letter's; the last one is short. A capital is a block that is not right. */
function copy(picture: string): Uint8Array {
  const bytes = new Uint8Array(picture.length * BLOCK_LENGTH - 100)
  for (const [block, sender] of [...picture].entries())
    if (sender !== sender.toLowerCase()) bytes[block * BLOCK_LENGTH + 16_000] = 1
  return bytes
}

const idOf = (letter: string): number => letter.toLowerCase().charCodeAt(0) - 96
const sendersOf = (picture: string): Int32Array => Int32Array.from(picture, idOf)
const good = (picture: string): Uint8Array => copy(picture.toLowerCase())

function trial(picture: string): Record<number, readonly number[] | undefined> {
  const evidence = new BlockEvidence(hashes)
  evidence.add(7, sendersOf(picture), copy(picture))
  const convictions = evidence.convict(7, good(picture))
  expect(evidence.bytes).toBe(0)
  expect(convictions.every(({ piece }) => piece === 7)).toBe(true)
  return Object.fromEntries(convictions.map(({ id, blocks }) => [id, blocks]))
}

describe('when a bad piece comes right', () => {
  test('whoever sent a block that differs is convicted of it, and no other', () => {
    expect(trial('aBa')).toEqual({ 2: [1] })
    expect(trial('aaB')).toEqual({ 2: [2] })
    expect(trial('aBbBcc')).toEqual({ 2: [1, 3] })
  })

  test('so are all that lied, together or not', () => {
    expect(trial('aBCCb')).toEqual({ 2: [1], 3: [2, 3] })
  })

  test('what was kept of it is forgotten: nobody is convicted twice', () => {
    const evidence = new BlockEvidence(hashes)
    evidence.add(7, sendersOf('aB'), copy('aB'))
    expect(evidence.convict(7, good('aB'))).toHaveLength(1)
    expect(evidence.convict(7, copy('aB'))).toEqual([])
  })

  test('of two bad copies the first is the evidence', () => {
    const evidence = new BlockEvidence(hashes)
    evidence.add(7, sendersOf('aB'), copy('aB'))
    evidence.add(7, sendersOf('cD'), copy('cD'))
    expect(evidence.convict(7, good('aB'))).toEqual([{ id: 2, piece: 7, blocks: [1] }])
  })
})

test('a piece that was never bad convicts nobody', () => {
  const evidence = new BlockEvidence(hashes)
  expect(evidence.has(3)).toBe(false)
  expect(evidence.convict(3, good('ab'))).toEqual([])
})

test('exactly those are convicted whose block differs, whoever sent what', () => {
  const block = fc.record({ sender: fc.integer({ min: 1, max: 5 }), isBad: fc.boolean() })
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 12 }), (blocks) => {
      const letter = (sender: number): string => String.fromCharCode(96 + sender)
      const picture = blocks
        .map(({ sender, isBad }) => (isBad ? letter(sender).toUpperCase() : letter(sender)))
        .join('')
      const expected = new Map<number, number[]>()
      for (const [at, { sender, isBad }] of blocks.entries())
        if (isBad) expected.set(sender, [...(expected.get(sender) ?? []), at])
      expect(trial(picture)).toEqual(Object.fromEntries(expected))
    }),
  )
})

test('what is kept is bounded: the oldest is forgotten, and convicts nobody', () => {
  const evidence = new BlockEvidence(hashes)
  // 512 blocks each, so that a few hundred fill it.
  const senders = new Int32Array(512).fill(1)
  const bytes = new Uint8Array(512)
  let piece = 0
  for (; evidence.has(0) || piece === 0; piece++) evidence.add(piece, senders, bytes)
  expect(evidence.bytes).toBeLessThanOrEqual(MAX_EVIDENCE_BYTES)
  expect(evidence.has(1)).toBe(true)
  expect(piece).toBeGreaterThan(200)
})
