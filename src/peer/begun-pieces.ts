/** Pieces that are active, or that are pending, by number. */
import type { ActivePiece } from './active-piece.ts'

/** Slots at first; always a power of two. */
const INITIAL_SLOTS = 64
/** 2^32 divided by the golden ratio: multiples of it fall far apart. */
const SPREAD = 0x9e3779b9

/**
 * A hash table with linear probing, at most half full. A `Map` in which entries come and go rebuilds its table again and again, and
 * V8 frees the old ones only when it collects its whole heap.
 */
export class BegunPieces {
  #slots: (ActivePiece | undefined)[] = emptySlots(INITIAL_SLOTS)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(piece: number): ActivePiece | undefined {
    return this.#slots[this.#slotOf(piece)]
  }

  /** Its number must not be in yet. */
  add(active: ActivePiece): void {
    if (2 * ++this.#size > this.#slots.length) this.#grow()
    this.#slots[this.#slotOf(active.piece)] = active
  }

  delete({ piece }: ActivePiece): void {
    const slots = this.#slots
    const last = slots.length - 1
    let gap = this.#slotOf(piece)
    // An entry that a search would no longer reach across the gap moves into it.
    for (let at = (gap + 1) & last; slots[at] !== undefined; at = (at + 1) & last) {
      const way = (at - this.#homeOf(slots[at]!.piece)) & last
      if (way < ((at - gap) & last)) continue
      slots[gap] = slots[at]
      gap = at
    }
    slots[gap] = undefined
    this.#size--
  }

  /** In no order. */
  get all(): readonly ActivePiece[] {
    return this.#slots.filter((active) => active !== undefined)
  }

  #grow(): void {
    const { all } = this
    this.#slots = emptySlots(2 * this.#slots.length)
    for (const active of all) this.#slots[this.#slotOf(active.piece)] = active
  }

  #homeOf(piece: number): number {
    return (Math.imul(piece, SPREAD) >>> 16) & (this.#slots.length - 1)
  }

  /** The slot where it is, or where it would go. */
  #slotOf(piece: number): number {
    const slots = this.#slots
    const last = slots.length - 1
    let at = this.#homeOf(piece)
    for (let found = slots[at]; found !== undefined && found.piece !== piece; found = slots[at])
      at = (at + 1) & last
    return at
  }
}

function emptySlots(count: number): (ActivePiece | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}
