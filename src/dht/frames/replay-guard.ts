/**
 * Accepts each frame once. A frame is identified by its sender's salt and its sequence number, which is also its time in
 * microseconds: so frames too old for the clock need no memory, only the numbers of the last minutes do.
 *
 * Frames may come in any order as long as no more than {@link REPLAY_WINDOW} of the same sender lie between.
 */

/** Sequence numbers remembered of one sender. */
export const REPLAY_WINDOW = 1_024
/** Senders remembered at once; the one that was silent for longest is forgotten first. */
const MAX_SALTS = 16_384
/** Sequence numbers remembered in all: 8 MiB. */
const MAX_REMEMBERED = 2 ** 20

export interface ReplayLimits {
  readonly salts: number
  readonly remembered: number
}

export class ReplayGuard {
  /** In the order of last use. */
  readonly #windows = new Map<string, SequenceWindow>()
  readonly #limits: ReplayLimits
  #remembered = 0
  /** Numbers up to here may have been seen under a salt that has been forgotten. */
  #floor = -1

  constructor(limits: ReplayLimits = { salts: MAX_SALTS, remembered: MAX_REMEMBERED }) {
    this.#limits = limits
  }

  get salts(): number {
    return this.#windows.size
  }

  /** Sequence numbers kept. */
  get remembered(): number {
    return this.#remembered
  }

  knows(salt: string): boolean {
    return this.#windows.has(salt)
  }

  /** Whether a frame is older than others of its sender: if it is also late, somebody has kept it and sent it again. */
  isOld(salt: string, seq: number): boolean {
    const window = this.#windows.get(salt)
    return window !== undefined && seq <= window.highest
  }

  /**
   * @param seq of an authentic frame: microseconds, at most 2^53
   * @param now microseconds on our clock
   * @param maxAge microseconds; frames older than that are refused before they come here
   * @returns whether this is the first time
   */
  accepts(salt: string, seq: number, now: number, maxAge: number): boolean {
    let window = this.#windows.get(salt)
    if (window === undefined) {
      if (seq <= this.#floor) return false
      window = new SequenceWindow()
    } else {
      this.#windows.delete(salt)
      this.#remembered -= window.size
    }
    const isNew = window.accepts(seq, now - maxAge)
    this.#windows.set(salt, window)
    this.#remembered += window.size
    while (this.#windows.size > this.#limits.salts || this.#remembered > this.#limits.remembered)
      this.#forgetOldest(now)
    return isNew
  }

  #forgetOldest(now: number): void {
    const [salt, window] = this.#windows.entries().next().value!
    this.#windows.delete(salt)
    this.#remembered -= window.size
    // A sender whose clock is ahead of ours must not shut out all newcomers.
    this.#floor = Math.max(this.#floor, Math.min(window.highest, now))
  }
}

const FIRST_CAPACITY = 8

/** What one sender has sent: the numbers above `#floor`, ascending. */
class SequenceWindow {
  #numbers = new Float64Array(FIRST_CAPACITY)
  #size = 0
  #floor = -1

  get size(): number {
    return this.#size
  }

  get highest(): number {
    return this.#size === 0 ? this.#floor : this.#numbers[this.#size - 1]!
  }

  /** @param horizon nothing below comes here any more */
  accepts(seq: number, horizon: number): boolean {
    if (seq <= this.#floor) return false
    // Nearly always, it is the latest.
    let at = this.#size
    while (at > 0 && this.#numbers[at - 1]! > seq) at--
    if (at > 0 && this.#numbers[at - 1] === seq) return false
    if (this.#size === this.#numbers.length) {
      const dropped = this.#makeRoom(horizon)
      // The newcomer may itself be older than all that are kept.
      if (seq <= this.#floor) return true
      at = Math.max(0, at - dropped)
    }
    this.#numbers.copyWithin(at + 1, at, this.#size)
    this.#numbers[at] = seq
    this.#size++
    return true
  }

  /** @returns how many of the lowest numbers were dropped */
  #makeRoom(horizon: number): number {
    let dropped = 0
    while (dropped < this.#size && this.#numbers[dropped]! < horizon) dropped++
    if (dropped === 0 && this.#size < REPLAY_WINDOW) {
      const numbers = new Float64Array(2 * this.#size)
      numbers.set(this.#numbers)
      this.#numbers = numbers
      return 0
    }
    dropped = Math.max(1, dropped)
    this.#floor = this.#numbers[dropped - 1]!
    this.#numbers.copyWithin(0, dropped, this.#size)
    this.#size -= dropped
    return dropped
  }
}
