import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { sipHash128 } from '../../../src/dht/serve/siphash.ts'
import { Tokens } from '../../../src/dht/serve/token.ts'
import { toHex, type InfoHash, type NodeId } from '../../../src/protocol/ids.ts'

const MASK = (1n << 64n) - 1n

/** SipHash-2-4-128 as the paper writes it, in 64-bit integers: the oracle of the one in 32-bit halves. */
function oracle(key: Uint8Array, data: Uint8Array): string {
  const le = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const rotate = (x: bigint, bits: bigint): bigint => ((x << bits) | (x >> (64n - bits))) & MASK
  const [k0, k1] = [le(key.subarray(0, 8)), le(key.subarray(8, 16))]
  let [a, b, c, d] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn ^ 0xeen,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ]
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      a = (a + b) & MASK
      b = rotate(b, 13n) ^ a
      a = rotate(a, 32n)
      c = (c + d) & MASK
      d = rotate(d, 16n) ^ c
      a = (a + d) & MASK
      d = rotate(d, 21n) ^ a
      c = (c + b) & MASK
      b = rotate(b, 17n) ^ c
      c = rotate(c, 32n)
    }
  }
  const padded = new Uint8Array((data.length & ~7) + 8)
  padded.set(data)
  padded[padded.length - 1] = data.length & 255
  for (let at = 0; at < padded.length; at += 8) {
    const word = le(padded.subarray(at, at + 8))
    d ^= word
    rounds(2)
    a ^= word
  }
  c ^= 0xeen
  rounds(4)
  const first = a ^ b ^ c ^ d
  b ^= 0xddn
  rounds(4)
  const bytes = [first, a ^ b ^ c ^ d].flatMap((word) =>
    Array.from({ length: 8 }, (_, i) => Number((word >> BigInt(8 * i)) & 255n)),
  )
  return toHex(Uint8Array.from(bytes))
}

describe('SipHash-2-4 with 128 bits', () => {
  const key = Uint8Array.from({ length: 16 }, (_, i) => i)

  test('agrees with the authors’ vectors', () => {
    expect(toHex(sipHash128(key, new Uint8Array(0)))).toBe('a3817f04ba25a8e66df67214c7550293')
    expect(toHex(sipHash128(key, new Uint8Array(1)))).toBe('da87c1d86b99af44347659119b22fc45')
  })

  test('agrees with the paper’s definition for any key and length', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ maxLength: 300 }),
        (anyKey, data) => {
          expect(toHex(sipHash128(anyKey, data))).toBe(oracle(anyKey, data))
        },
      ),
    )
  })
})

test('a token is good for its address, hash and node only, for at least 5 and less than 10 minutes', () => {
  const id = fc.constantFrom(1, 2, 3)
  const statement = fc.record({
    host: fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1'),
    hash: id,
    node: id,
  })
  const minutes = fc.double({ min: 0, max: 20, noNaN: true })
  fc.assert(
    fc.property(statement, statement, minutes, minutes, (given, shown, at, later) => {
      const tokens = new Tokens(new SeededRandom(7), 0)
      const bytes = (byte: number): InfoHash & NodeId => new Uint8Array(20).fill(byte) as InfoHash & NodeId
      const now = at * 60_000
      const token = tokens.issue(given.host, bytes(given.hash), bytes(given.node), now)
      expect(token).toMatch(/^[A-Za-z0-9_-]{16}$/)
      const isSame = given.host === shown.host && given.hash === shown.hash && given.node === shown.node
      const isValid = tokens.isValid(
        token,
        shown.host,
        bytes(shown.hash),
        bytes(shown.node),
        now + later * 60_000,
      )
      if (!isSame || later >= 10) expect(isValid).toBe(false)
      else if (later < 5) expect(isValid).toBe(true)
    }),
  )
})
