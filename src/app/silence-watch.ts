/** Notices that a download gets nothing (`-timeout`). */
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'

export interface SilenceWatchOptions {
  readonly clock: Clock
  /** 0: no limit. */
  readonly timeoutMs: Millis
  /** Bytes that have come. */
  readonly received: () => number
  readonly onSilent: () => void
}

export class SilenceWatch {
  readonly #options: SilenceWatchOptions
  #cancel: Cancel | undefined

  constructor(options: SilenceWatchOptions) {
    this.#options = options
  }

  /** Starts over. */
  start(): void {
    const { clock, timeoutMs, received, onSilent } = this.#options
    this.stop()
    if (timeoutMs === 0) return
    const before = received()
    this.#cancel = clock.after(timeoutMs, () => {
      if (received() > before) this.start()
      else onSilent()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
