/** Text from strangers: decoded strictly, shown harmlessly. */

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @returns undefined when `bytes` are not valid UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Control characters (terminal escapes live among them), line separators, and overrides of the writing direction. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** What nearly all texts are, and what needs no second look. */
const PLAIN_ASCII = /^[ -~]*$/

export function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text)
}

/** One harmless line for logs and screens: unprintable characters become `?`, the rest is cut to `maxLength` characters. */
export function printable(text: string, maxLength: number): string {
  if (text.length <= maxLength && PLAIN_ASCII.test(text)) return text.trim()
  const characters = [...text.slice(0, 2 * maxLength).toWellFormed()]
  return characters.slice(0, maxLength).join('').replace(UNPRINTABLE, '?').trim()
}
