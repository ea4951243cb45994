/** Words of base64url digits: transaction ids and tokens. */

/** 1 for each digit. */
const IS_DIGIT = new Uint8Array(256)
for (const digit of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
  IS_DIGIT[digit.charCodeAt(0)] = 1

/** The text from `from` to `end`; undefined when it holds anything else. */
export function readWord(data: Uint8Array, from: number, end: number): string | undefined {
  for (let at = from; at < end; at++) if (IS_DIGIT[data[at]!] === 0) return undefined
  // From short pieces: decoding bytes takes ten times as long.
  let text = ''
  let at = from
  for (; at + 4 <= end; at += 4)
    text += String.fromCharCode(data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!)
  for (; at < end; at++) text += String.fromCharCode(data[at]!)
  return text
}
