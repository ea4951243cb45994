import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copyBytes } from '../../../src/app/node/copy-bytes.ts'

/** What `set` would have done. */
function expectCopied(source: Uint8Array, target: Uint8Array, at: number): void {
  const expected = Uint8Array.from(target)
  expected.set(source, at)
  copyBytes(source, target, at)
  expect(Uint8Array.from(target)).toEqual(expected)
}

test('any part of any memory is copied to any place, shared or not', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.nat(20),
      fc.nat(20),
      fc.boolean(),
      (bytes, before, at, isShared) => {
        const around = new Uint8Array(before + bytes.length)
        around.set(bytes, before)
        const length = at + bytes.length + 3
        const target = isShared ? new Uint8Array(new SharedArrayBuffer(length)) : new Uint8Array(length)
        expectCopied(around.subarray(before), target.fill(255), at)
      },
    ),
  )
})

test('nothing is copied of nothing', () => {
  expectCopied(new Uint8Array(0), new Uint8Array(3).fill(7), 3)
})
