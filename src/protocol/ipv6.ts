/**
 * IPv6 addresses as text and bytes, for every datagram that comes from one: the general parser takes ten times as long, and
 * what is refused has to be cheap. It is still asked about the few texts that are not taken here.
 */

const GROUPS = 8
export const IPV6_LENGTH = 2 * GROUPS

const COLON = 0x3a

/**
 * Reads groups of hex digits with colons between, and `::` for those that are zero (RFC 4291 §2.2) into 16 bytes of `out`.
 *
 * @returns false for anything else: no address, one that ends as a dotted quad, one with an interface
 */
export function readIpv6(text: string, out: Uint8Array, offset: number): boolean {
  const { length } = text
  let group = 0
  /** The group that stands behind `::`; none yet. */
  let gap = -1
  let at = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false
    gap = 0
    at = 2
  }
  while (at < length) {
    let value = 0
    const from = at
    for (; at < length; at++) {
      const digit = hexDigit(text.charCodeAt(at))
      if (digit < 0) break
      value = 16 * value + digit
    }
    if (at === from || at - from > 4 || group === GROUPS) return false
    out[offset + 2 * group] = value >> 8
    out[offset + 2 * group + 1] = value & 0xff
    group++
    if (at === length) break
    if (text.charCodeAt(at++) !== COLON || at === length) return false
    if (text.charCodeAt(at) !== COLON) continue
    if (gap >= 0) return false
    gap = group
    at++
  }
  if (gap < 0) return group === GROUPS
  if (group === GROUPS) return false
  const moved = 2 * (group - gap)
  const end = offset + IPV6_LENGTH
  out.copyWithin(end - moved, offset + 2 * gap, offset + 2 * group)
  out.fill(0, offset + 2 * gap, end - moved)
  return true
}

/** The one text of RFC 5952: small letters, no leading zeros, `::` for the first of the longest rows of two zeros and more. */
export function writeIpv6(bytes: Uint8Array, offset: number): string {
  const groupAt = (group: number): number =>
    (bytes[offset + 2 * group]! << 8) | bytes[offset + 2 * group + 1]!
  let gap = GROUPS
  let longest = 1
  let zeros = 0
  for (let group = 0; group < GROUPS; group++) {
    zeros = groupAt(group) === 0 ? zeros + 1 : 0
    if (zeros <= longest) continue
    longest = zeros
    gap = group + 1 - zeros
  }
  let text = ''
  for (let group = 0; group < GROUPS; group++) {
    if (group === gap) {
      text += '::'
      group += longest - 1
    } else
      text +=
        group === 0 || text.endsWith(':') ? groupAt(group).toString(16) : `:${groupAt(group).toString(16)}`
  }
  return text
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
