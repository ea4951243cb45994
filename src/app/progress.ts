/** The progress line: on a terminal that can redraw it, or line by line elsewhere; drawn by cli-progress. */
import { SingleBar } from 'cli-progress'
import { changedLines } from './node/changed-lines.ts'
import { formatProgressLine, type Progress } from './view.ts'

const DRAWS_PER_SECOND = 4
/** Where lines cannot be redrawn (a file, a pipe), a new line is printed this often, unless it would be the same. */
const PLAIN_INTERVAL_MS = 2_000
const DEFAULT_COLUMNS = 80

export interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
}

export class ProgressLine {
  /** A terminal that can redraw a line, or where each line is printed below the last. */
  readonly #stream: ProgressStream
  readonly #columns: () => number
  readonly #isUnicode: boolean
  #bar: SingleBar | undefined

  constructor(
    stream: ProgressStream,
    { canRedraw, isUnicode }: { readonly canRedraw: boolean; readonly isUnicode: boolean },
  ) {
    this.#stream = canRedraw ? stream : changedLines(stream)
    this.#columns = () => stream.columns ?? DEFAULT_COLUMNS
    this.#isUnicode = isUnicode
  }

  show(progress: Progress): void {
    if (this.#bar) return this.#bar.update(progress.bytesHave, { progress })
    this.#bar = new SingleBar({
      stream: this.#stream,
      fps: DRAWS_PER_SECOND,
      noTTYOutput: true,
      notTTYSchedule: PLAIN_INTERVAL_MS,
      clearOnComplete: true,
      stopOnComplete: false,
      emptyOnZero: true,
      // The line fits, so the terminal's wrapping need not be switched off, however this process ends.
      linewrap: true,
      gracefulExit: false,
      format: (_options, _params, payload: { progress: Progress }) =>
        formatProgressLine(payload.progress, {
          // One less than there are: a terminal may wrap after its last column.
          columns: this.#columns() - 1,
          isUnicode: this.#isUnicode,
        }),
    })
    this.#bar.start(progress.length, progress.bytesHave, { progress })
  }

  /** Clears the line, so that other text can be written; the next `show` draws it again. */
  hide(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}
