/**
 * Limits the connections of a process, over all its sessions (`-max-peers`): a dial takes a slot when it begins, a
 * caller when both handshakes are complete.
 */
import { invariant } from '../protocol/errors.ts'
import { Crowd } from './crowd.ts'

/** Connections at once, unless told otherwise. */
export const DEFAULT_MAX_PEERS = 50

/** A connected peer, which may have to make room. */
export interface SlotHolder {
  /** The address that it comes from. */
  readonly host: string
  /** Bytes a second between us: the least useful goes first. */
  rate(): number
  /** Closes the connection, which releases its slot before this returns. */
  yield(): void
}

export class ConnectionSlots {
  readonly max: number
  #taken = 0
  readonly #holders = new Crowd<SlotHolder>()
  /** The next slot released is for somebody who waits for it. */
  #hasHeir = false
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

  /** Whether one is free, or some address holds so many that others may have some of them. */
  get hasRoom(): boolean {
    return this.hasFree || this.#holders.largest.size > this.#share
  }

  /** @returns false when all are taken */
  take(): boolean {
    if (!this.hasFree) return false
    this.#taken++
    return true
  }

  /** The same for a caller: a connection of an address that holds more makes room. */
  takeForCaller(host: string): boolean {
    return this.take() || this.#inherit(host, 0)
  }

  /**
   * The same for a peer that we want to dial. It may not exist, so only an address that holds more than half of all slots
   * makes room.
   */
  takeForDial(host: string): boolean {
    return this.take() || this.#inherit(host, this.#share)
  }

  /** A slot that was taken belongs to `holder` from now on, until it is released. */
  settle(holder: SlotHolder): void {
    this.#holders.add(holder.host, holder)
  }

  /**
   * Offers the slot to the watchers; whoever is asked first this time is asked last the next.
   *
   * @param holder who settled in it, if anybody did
   */
  release(holder?: SlotHolder): void {
    if (holder) this.#holders.remove(holder.host, holder)
    if (this.#hasHeir) {
      this.#hasHeir = false
      return
    }
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

  /** How many one address may hold although we want to dial others. */
  get #share(): number {
    return this.max / 2
  }

  /** @param share slots that one address may hold in any case */
  #inherit(host: string, share: number): boolean {
    const { largest } = this.#holders
    // Afterwards, the newcomer's address must not hold more than the other does.
    if (largest.size <= share || largest.size < this.#holders.countAt(host) + 2) return false
    let least: SlotHolder | undefined
    let leastRate = Infinity
    for (const holder of largest) {
      const rate = holder.rate()
      // Among equals, the last to come is the first to go.
      if (rate > leastRate) continue
      least = holder
      leastRate = rate
    }
    this.#hasHeir = true
    least!.yield()
    invariant(!this.#hasHeir, 'a connection that was to make room did not')
    return true
  }
}
