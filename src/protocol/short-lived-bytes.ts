/**
 * Byte arrays for what is soon gone, cut one after the other from larger ones. Above 64 bytes an array of its own costs
 * V8 more than a microsecond; a cut costs a tenth of that, but keeps all of the larger one while it lives.
 */

const SLAB_BYTES = 8_192

let slab = new Uint8Array(SLAB_BYTES)
let used = 0

/** @returns zeros that nobody else has, and that the caller does not keep */
export function shortLivedBytes(length: number): Uint8Array {
  if (length > SLAB_BYTES / 4) return new Uint8Array(length)
  if (used + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES)
    used = 0
  }
  used += length
  return slab.subarray(used - length, used)
}
