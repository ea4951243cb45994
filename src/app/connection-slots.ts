/** How many peers a process is connected to, over all its sessions (`-max-peers`). */
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

  release(): void {
    invariant(this.#taken > 0, 'a slot was released that nobody took')
    this.#taken--
    for (const listener of this.#onFree) {
      if (!this.hasFree) return
      listener()
    }
  }

  /** Calls `listener` whenever a slot comes free. @returns takes the listener off */
  watch(listener: () => void): () => void {
    this.#onFree.add(listener)
    return () => this.#onFree.delete(listener)
  }
}
