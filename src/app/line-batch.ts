/**
 * Groups log lines that come in quick succession: each write wakes a thread, and a fast download reports some thousand pieces a
 * second. The first lines after a pause go out at once.
 */
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'

/** Lines that need not wait; further ones within {@link MAX_DELAY_MS} do. */
export const LINES_AT_ONCE = 4
/** How long a line may wait for others. */
export const MAX_DELAY_MS: Millis = 20
/** Characters at which a batch goes out without waiting for more. */
export const MAX_BATCH_LENGTH = 8 * 1024

export class LineBatch {
  readonly #clock: Clock
  readonly #onBatch: (lines: string) => void
  #lines = ''
  #wentAtOnce = 0
  /** Set from a first line on, until a delay has passed without any. */
  #cancelDelay: Cancel | undefined

  /** @param onBatch takes one or more lines, each with its newline */
  constructor(clock: Clock, onBatch: (lines: string) => void) {
    this.#clock = clock
    this.#onBatch = onBatch
  }

  write(line: string): void {
    this.#lines += line
    this.#cancelDelay ??= this.#clock.after(MAX_DELAY_MS, () => this.#onDelay())
    if (this.#wentAtOnce < LINES_AT_ONCE) {
      this.#wentAtOnce++
      this.#release()
    } else if (this.#lines.length >= MAX_BATCH_LENGTH) this.#release()
  }

  /** Passes on what is there, without waiting. */
  flush(): void {
    this.#cancelDelay?.()
    this.#cancelDelay = undefined
    this.#wentAtOnce = 0
    this.#release()
  }

  #onDelay(): void {
    this.#cancelDelay = undefined
    if (this.#lines === '') {
      this.#wentAtOnce = 0
      return
    }
    this.#release()
    this.#cancelDelay = this.#clock.after(MAX_DELAY_MS, () => this.#onDelay())
  }

  #release(): void {
    const lines = this.#lines
    this.#lines = ''
    if (lines !== '') this.#onBatch(lines)
  }
}
