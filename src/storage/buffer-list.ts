/** Several buffers that stand for one stretch of bytes. */

export function totalLength(buffers: readonly Uint8Array[]): number {
  let length = 0
  for (const buffer of buffers) length += buffer.length
  return length
}

/** Views of `length` bytes of the stretch from byte `at` on, none of them empty. */
export function cut(buffers: readonly Uint8Array[], at: number, length: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let skip = at
  let rest = length
  for (const buffer of buffers) {
    const part = buffer.subarray(skip, skip + rest)
    skip = Math.max(0, skip - buffer.length)
    rest -= part.length
    if (part.length > 0) parts.push(part)
    if (rest === 0) break
  }
  return parts
}
