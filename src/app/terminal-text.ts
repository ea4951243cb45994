/** Text of strangers on a terminal: names in metainfo may hold escape sequences. */

export { printable } from '../protocol/text.ts'

/** What is not printable and JSON would let pass. U+2028 is the end of a line for some readers, too. */
const UNESCAPED = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** JSON in which what could move the cursor or the reading order is escaped: same value, harmless on a terminal. */
export function escapeControls(json: string): string {
  return json.replace(UNESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const WIDE =
  /\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Emoji_Presentation}|[\uff01-\uff60]/u
const ZERO_WIDTH = /\p{M}|\u200d|\ufe0f/u

/** Terminal columns that a printable text takes. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += ZERO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return columns
}

/** Cut to at most `columns`, with an ellipsis when something is missing. */
export function clip(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  let kept = ''
  for (const character of text) {
    if (columnsOf(kept + character) > columns - 1) break
    kept += character
  }
  return columns > 0 ? `${kept}…` : ''
}
