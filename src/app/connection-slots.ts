/**
 * How many peers a process is connected to, over all its sessions (`-max-peers`): a dial takes a slot when it begins, a
 * caller when both handshakes are through.
 */
import { invariant } from '../protocol/errors.ts'

export class ConnectionSlots {
  readonly max: number
  #taken = 0
  readonly #onFree = new Set<() => void>()

  constructor(max: number) {
    this.max = max
  }

  get taken(): number {
    return this.#taken
  }

  get hasFree(): boolean {
    return this.#taken < this.max
  }

  /** @returns false when all are taken */
  take(): boolean {
    if (!this.hasFree) return false
    this.#taken++
    return true
  }

  /** The slot is offered to those that watch; who was asked first this time is asked last the next. */
  release(): void {
    invariant(this.#taken > 0, 'a slot was released that nobody took')
    this.#taken--
    for (const listener of [...this.#onFree]) {
      if (!this.hasFree) return
      if (!this.#onFree.delete(listener)) continue // stopped watching meanwhile
      this.#onFree.add(listener)
      listener()
    }
  }

  /** Calls `listener` whenever a slot comes free. @returns takes the listener off */
  watch(listener: () => void): () => void {
    this.#onFree.add(listener)
    return () => this.#onFree.delete(listener)
  }
}
