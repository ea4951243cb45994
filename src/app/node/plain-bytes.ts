/** Turns Node's Buffers into the core's Uint8Arrays. */

/** The same memory without Node's methods: `slice` of a Buffer is a view, of a Uint8Array a copy. */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
