/** Makes text from strangers safe for a terminal: names in metainfo may contain escape sequences. */
import { HIDING } from '../protocol/text.ts'

export { printable } from '../protocol/text.ts'

/** Unprintable characters that JSON does not escape. */
const UNESCAPED = new RegExp(`[\\u007f-\\u009f${HIDING}]`, 'g')

/** JSON in which everything is escaped that could move the cursor or change the reading order: same value, harmless on a terminal. */
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

/** Cut to at most `columns`, with an ellipsis if anything was cut off. */
export function clip(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  let kept = ''
  for (const character of text) {
    if (columnsOf(kept + character) > columns - 1) break
    kept += character
  }
  return columns > 0 ? `${kept}…` : ''
}
