/** In which order wanted pieces are taken: the strategies of the picker, and the rule that they share. */
import type { Bitfield } from '../protocol/bitfield.ts'
import type { Random } from '../protocol/ports.ts'

export type OrderName = 'rarest' | 'random' | 'sequential'

/**
 * The wanted pieces in the order in which they should be taken: those at positions `front … end - 1`, lowest first.
 * Positions shift with every change; only {@link PieceOrder.rankOf} compares two pieces at one moment.
 */
export interface PieceOrder {
  /** Wanted pieces. */
  readonly size: number
  readonly front: number
  readonly end: number
  /** The wanted piece at a position of `front … end - 1`, or -1 where a position is empty. */
  at(position: number): number
  /** Lower goes first; `piece` is wanted. */
  rankOf(piece: number): number
  /** The lowest piece that a walk over a source's own pieces should start from when it left off at `piece`. */
  walkFrom(piece: number): number
  /** `piece` is wanted again. */
  insert(piece: number): void
  /** `piece` is wanted no more. */
  remove(piece: number): void
  /** A source with these pieces came or went. */
  onSource(bitfield: Bitfield, change: 1 | -1): void
  /** A source with every piece came or went; `onHave` is not called for it. */
  onSeed(change: 1 | -1): void
  /** One more source has `piece`. */
  onHave(piece: number): void
}

/** All wanted pieces in random order, without holes. */
export function shuffled(wanted: Bitfield, random: Random): Uint32Array {
  const pieces = new Uint32Array(wanted.count)
  let count = 0
  wanted.forEachSet((piece) => {
    const at = random.int(count + 1)
    pieces[count] = pieces[at]!
    pieces[at] = piece
    count++
  })
  return pieces
}

/** A random order drawn once. */
export class Shuffled implements PieceOrder {
  readonly #random: Random
  readonly #pieces: Uint32Array
  readonly #position: Uint32Array
  readonly end: number
  front: number

  constructor(wanted: Bitfield, random: Random) {
    this.#random = random
    this.#pieces = new Uint32Array(wanted.length)
    this.#position = new Uint32Array(wanted.length)
    this.end = wanted.length
    this.front = wanted.length - wanted.count
    this.#pieces.set(shuffled(wanted, random), this.front)
    for (let at = this.front; at < this.end; at++) this.#position[this.#pieces[at]!] = at
  }

  get size(): number {
    return this.end - this.front
  }

  at(position: number): number {
    return this.#pieces[position]!
  }

  rankOf(piece: number): number {
    return this.#position[piece]!
  }

  walkFrom(piece: number): number {
    return piece
  }

  insert(piece: number): void {
    this.front--
    this.#place(piece, this.front)
    this.#swap(this.front, this.front + this.#random.int(this.size))
  }

  remove(piece: number): void {
    this.#swap(this.#position[piece]!, this.front)
    this.front++
  }

  onSource(): void {}

  onSeed(): void {}

  onHave(): void {}

  #place(piece: number, at: number): void {
    this.#pieces[at] = piece
    this.#position[piece] = at
  }

  #swap(a: number, b: number): void {
    const piece = this.#pieces[a]!
    this.#place(this.#pieces[b]!, a)
    this.#place(piece, b)
  }
}

/** From the first piece to the last. The position of a piece is its index; pieces that are not wanted leave a hole. */
export class Sequential implements PieceOrder {
  readonly #wanted: Bitfield
  readonly end: number
  front = 0

  constructor(wanted: Bitfield) {
    this.#wanted = wanted.clone()
    this.end = wanted.length
    this.#skipHoles()
  }

  get size(): number {
    return this.#wanted.count
  }

  at(position: number): number {
    return this.#wanted.has(position) ? position : -1
  }

  rankOf(piece: number): number {
    return piece
  }

  walkFrom(): number {
    return this.front
  }

  insert(piece: number): void {
    this.#wanted.set(piece)
    this.front = Math.min(this.front, piece)
  }

  remove(piece: number): void {
    this.#wanted.clear(piece)
    this.#skipHoles()
  }

  onSource(): void {}

  onSeed(): void {}

  onHave(): void {}

  #skipHoles(): void {
    while (this.front < this.end && !this.#wanted.has(this.front)) this.front++
  }
}
