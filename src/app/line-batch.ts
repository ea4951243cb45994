/**
 * Lines on their way out, together when they come fast: each write wakes a thread, and a fast download tells of some
 * thousand pieces a second. The first line after a pause goes at once.
 */
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'

/** Characters after which a batch goes without waiting for more. */
const MAX_BATCH_LENGTH = 8 * 1024
/** The longest that a line waits for others. */
const MAX_DELAY_MS: Millis = 20

export class LineBatch {
  readonly #clock: Clock
  readonly #onBatch: (lines: string) => void
  #lines = ''
  /** Set while lines are gathered. */
  #cancelWait: Cancel | undefined

  /** @param onBatch takes one line or more, each with its end */
  constructor(clock: Clock, onBatch: (lines: string) => void) {
    this.#clock = clock
    this.#onBatch = onBatch
  }

  write(line: string): void {
    this.#lines += line
    if (this.#cancelWait === undefined || this.#lines.length >= MAX_BATCH_LENGTH) this.#release()
    this.#cancelWait ??= this.#clock.after(MAX_DELAY_MS, () => this.#onPause())
  }

  /** Hands on what is there. */
  flush(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
    this.#release()
  }

  #onPause(): void {
    this.#cancelWait = undefined
    if (this.#lines === '') return
    this.#release()
    this.#cancelWait = this.#clock.after(MAX_DELAY_MS, () => this.#onPause())
  }

  #release(): void {
    const lines = this.#lines
    this.#lines = ''
    if (lines !== '') this.#onBatch(lines)
  }
}
