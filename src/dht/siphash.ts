/** SipHash-2-4 with 128 bits of output (Aumasson and Bernstein): a short keyed hash for write tokens. */

/** Bytes of a key. */
export const SIPHASH_KEY_LENGTH = 16

/**
 * The state: v0 … v3 as pairs of 32-bit halves, low half first. One for the module, as a hash never calls out.
 */
const v = new Int32Array(8)

/** `v[to] += v[from]` on 64 bits. */
function add(to: number, from: number): void {
  const low = (v[to]! >>> 0) + (v[from]! >>> 0)
  v[to + 1] = v[to + 1]! + v[from + 1]! + (low > 0xffffffff ? 1 : 0)
  v[to] = low
}

/** `v[at] = (v[at] <<< bits) ^ v[by]`, with bits below 32. */
function rotateXor(at: number, bits: number, by: number): void {
  const low = v[at]!
  const high = v[at + 1]!
  v[at] = ((low << bits) | (high >>> (32 - bits))) ^ v[by]!
  v[at + 1] = ((high << bits) | (low >>> (32 - bits))) ^ v[by + 1]!
}

/** `v[at] <<<= 32`. */
function swap(at: number): void {
  const low = v[at]!
  v[at] = v[at + 1]!
  v[at + 1] = low
}

function rounds(count: number): void {
  for (let i = 0; i < count; i++) {
    add(0, 2)
    rotateXor(2, 13, 0)
    swap(0)
    add(4, 6)
    rotateXor(6, 16, 4)
    add(0, 6)
    rotateXor(6, 21, 0)
    add(4, 2)
    rotateXor(2, 17, 4)
    swap(4)
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function absorb(low: number, high: number): void {
  v[6] = v[6]! ^ low
  v[7] = v[7]! ^ high
  rounds(2)
  v[0] = v[0]! ^ low
  v[1] = v[1]! ^ high
}

function squeeze(out: Uint8Array, offset: number): void {
  rounds(4)
  for (let half = 0; half < 2; half++) {
    const value = v[half]! ^ v[half + 2]! ^ v[half + 4]! ^ v[half + 6]!
    for (let i = 0; i < 4; i++) out[offset + 4 * half + i] = value >>> (8 * i)
  }
}

/** @param key {@link SIPHASH_KEY_LENGTH} bytes @returns 16 bytes */
export function sipHash128(key: Uint8Array, data: Uint8Array): Uint8Array {
  for (let half = 0; half < 2; half++) {
    const k0 = word(key, 4 * half)
    const k1 = word(key, 8 + 4 * half)
    v[half] = k0
    v[half + 2] = k1
    v[half + 4] = k0
    v[half + 6] = k1
  }
  // "somepseudorandomlygeneratedbytes"; 0xee marks the variant with 128 bits.
  v[0] = v[0]! ^ 0x70736575
  v[1] = v[1]! ^ 0x736f6d65
  v[2] = v[2]! ^ 0x6e646f6d ^ 0xee
  v[3] = v[3]! ^ 0x646f7261
  v[4] = v[4]! ^ 0x6e657261
  v[5] = v[5]! ^ 0x6c796765
  v[6] = v[6]! ^ 0x79746573
  v[7] = v[7]! ^ 0x74656462

  const whole = data.length & ~7
  for (let at = 0; at < whole; at += 8) absorb(word(data, at), word(data, at + 4))
  let low = 0
  let high = data.length << 24
  for (let at = whole; at < data.length; at++) {
    const shift = 8 * (at - whole)
    if (shift < 32) low |= data[at]! << shift
    else high |= data[at]! << (shift - 32)
  }
  absorb(low, high)

  const out = new Uint8Array(16)
  v[4] = v[4]! ^ 0xee
  squeeze(out, 0)
  v[2] = v[2]! ^ 0xdd
  squeeze(out, 8)
  return out
}
