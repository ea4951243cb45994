/** Pieces in no order, of which any may be taken out. */

export class Bucket {
  /** Some lie in an array that buckets share, from `#start` up to `#end` … */
  readonly #shared: Int32Array
  readonly #start: number
  #end: number
  /** … and those that came later in one of its own. */
  readonly #later: number[] = []

  constructor(shared: Int32Array, start: number, end: number) {
    this.#shared = shared
    this.#start = start
    this.#end = end
  }

  get size(): number {
    return this.#end - this.#start + this.#later.length
  }

  /** At places from 0 to `size - 1`. */
  at(place: number): number {
    const shared = this.#end - this.#start
    return place < shared ? this.#shared[this.#start + place]! : this.#later[place - shared]!
  }

  add(piece: number): void {
    this.#later.push(piece)
  }

  /** The place is taken by another one, or is gone. */
  removeAt(place: number): void {
    const shared = this.#end - this.#start
    if (place < shared) this.#shared[this.#start + place] = this.#shared[--this.#end]!
    else {
      const last = this.#later.pop()!
      if (place - shared < this.#later.length) this.#later[place - shared] = last
    }
  }
}
