/** A set of pieces in no order. A place in it can be read and removed in constant time. */

export class Bucket {
  /** Some lie in an array that all buckets share, from `#start` up to `#end` … */
  readonly #shared: Int32Array
  readonly #start: number
  #end: number
  /** … and those that were added later, in an array of its own. */
  readonly #later: number[] = []

  constructor(shared: Int32Array, start: number, end: number) {
    this.#shared = shared
    this.#start = start
    this.#end = end
  }

  get size(): number {
    return this.#end - this.#start + this.#later.length
  }

  /** @param place from 0 to `size - 1` */
  at(place: number): number {
    const shared = this.#end - this.#start
    return place < shared ? this.#shared[this.#start + place]! : this.#later[place - shared]!
  }

  add(piece: number): void {
    this.#later.push(piece)
  }

  /** Another piece moves to the place, unless it was the last. */
  removeAt(place: number): void {
    const shared = this.#end - this.#start
    if (place < shared) this.#shared[this.#start + place] = this.#shared[--this.#end]!
    else {
      const last = this.#later.pop()!
      if (place - shared < this.#later.length) this.#later[place - shared] = last
    }
  }
}
