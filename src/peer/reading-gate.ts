/** Whether we read from a remote: not while the disk lags behind, or the download limit is overdrawn. */
import type { Bandwidth, ByteStream } from '../protocol/ports.ts'

/** Why we do not read. What is in flight then waits in the network, where TCP slows the sender down. */
export type Hold = 'disk' | 'bandwidth'

export class ReadingGate {
  readonly #stream: Pick<ByteStream, 'pause' | 'resume'>
  readonly #budget: Bandwidth
  readonly #holds = new Set<Hold>()
  /** Received, and not yet granted by the budget. */
  #owedBytes = 0
  #isClosed = false

  constructor(stream: Pick<ByteStream, 'pause' | 'resume'>, budget: Bandwidth) {
    this.#stream = stream
    this.#budget = budget
  }

  get isHeld(): boolean {
    return this.#holds.size > 0
  }

  hold(why: Hold): void {
    if (this.#holds.size === 0) this.#stream.pause()
    this.#holds.add(why)
  }

  unhold(why: Hold): void {
    if (this.#holds.delete(why) && this.#holds.size === 0 && !this.#isClosed) this.#stream.resume()
  }

  /** The budget is asked afterwards: how much arrives at once is not ours to choose. */
  onReceived(bytes: number): void {
    this.#owedBytes += bytes
    if (!this.#holds.has('bandwidth')) this.#pay()
  }

  close(): void {
    this.#isClosed = true
  }

  #pay(): void {
    if (this.#isClosed) return
    this.#owedBytes -= this.#budget.ask(this.#owedBytes, () => this.#pay())
    if (this.#owedBytes > 0) this.hold('bandwidth')
    else this.unhold('bandwidth')
  }
}
