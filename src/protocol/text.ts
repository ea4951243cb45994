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

/**
 * A character class of what reorders or hides text: overrides of the writing direction, characters of zero width, and line
 * separators (U+2028 ends a line for some readers).
 */
export const HIDING = '\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb'

/** The same, control characters (terminal escapes live among them), and halves of a pair. */
const UNPRINTABLE = new RegExp(`[\\p{Cc}\\p{Cs}${HIDING}]`, 'gu')

/** Plain ASCII, as nearly all texts are: needs no second look. */
const PLAIN_ASCII = /^[ -~]*$/

export function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text)
}

/** The text with everything that could move the cursor or the reading order replaced by U+FFFD. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\u{fffd}')
}

/** One harmless line for logs and screens: printable, without blanks at its ends, and cut to `maxLength` characters. */
export function excerpt(text: string, maxLength: number): string {
  if (text.length <= maxLength && PLAIN_ASCII.test(text)) return text.trim()
  const characters = [...text.slice(0, 2 * maxLength)]
  return printable(characters.slice(0, maxLength).join('')).trim()
}
