/** SipHash-2-4 with 128 bits of output (Aumasson and Bernstein): a short keyed hash for write tokens. */

/** Bytes of a key. */
export const SIPHASH_KEY_LENGTH = 16

/**
 * The state: v0 … v3 as pairs of 32-bit halves, low half first. One for the module, as a hash never calls out.
 */
const v = new Int32Array(8)

/** What a sum of two low halves carries over; `part` is one of them. */
function carry(sum: number, part: number): number {
  return sum >>> 0 < part >>> 0 ? 1 : 0
}

/**
 * SipRounds on v0 … v3, called a … d here. Each line of the paper, `a += b; b = (b <<< bits) ^ a`, is six of these, and
 * `a <<<= 32` three; local variables make them several times as fast as an array would.
 */
function rounds(count: number): void {
  let aLow = v[0]!
  let aHigh = v[1]!
  let bLow = v[2]!
  let bHigh = v[3]!
  let cLow = v[4]!
  let cHigh = v[5]!
  let dLow = v[6]!
  let dHigh = v[7]!
  let sum = 0
  let low = 0
  for (let i = 0; i < count; i++) {
    sum = (aLow + bLow) | 0
    aHigh = (aHigh + bHigh + carry(sum, aLow)) | 0
    aLow = sum
    low = (bLow << 13) | (bHigh >>> 19)
    bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ aHigh
    bLow = low ^ aLow
    low = aLow
    aLow = aHigh
    aHigh = low

    sum = (cLow + dLow) | 0
    cHigh = (cHigh + dHigh + carry(sum, cLow)) | 0
    cLow = sum
    low = (dLow << 16) | (dHigh >>> 16)
    dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh
    dLow = low ^ cLow

    sum = (aLow + dLow) | 0
    aHigh = (aHigh + dHigh + carry(sum, aLow)) | 0
    aLow = sum
    low = (dLow << 21) | (dHigh >>> 11)
    dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aHigh
    dLow = low ^ aLow

    sum = (cLow + bLow) | 0
    cHigh = (cHigh + bHigh + carry(sum, cLow)) | 0
    cLow = sum
    low = (bLow << 17) | (bHigh >>> 15)
    bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ cHigh
    bLow = low ^ cLow
    low = cLow
    cLow = cHigh
    cHigh = low
  }
  v[0] = aLow
  v[1] = aHigh
  v[2] = bLow
  v[3] = bHigh
  v[4] = cLow
  v[5] = cHigh
  v[6] = dLow
  v[7] = dHigh
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

/** @param key {@link SIPHASH_KEY_LENGTH} bytes @param out for the 16 bytes that are returned */
export function sipHash128(
  key: Uint8Array,
  data: Uint8Array,
  out: Uint8Array = new Uint8Array(16),
): Uint8Array {
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

  v[4] = v[4]! ^ 0xee
  squeeze(out, 0)
  v[2] = v[2]! ^ 0xdd
  squeeze(out, 8)
  return out
}
