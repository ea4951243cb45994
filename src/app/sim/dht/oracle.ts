/** The truth that no node has: all ids in order, and who of them is alive. */
import { bytesEqual, compareDistance } from '../../../protocol/ids.ts'

export interface Placed {
  readonly id: Uint8Array
}

export class Oracle<T extends Placed> {
  /** By id. */
  readonly #sorted: T[] = []

  get size(): number {
    return this.#sorted.length
  }

  add(node: T): void {
    this.#sorted.splice(this.#lowerBound(node.id), 0, node)
  }

  /** As {@link add} for each, in one go. */
  addAll(nodes: readonly T[]): void {
    for (const node of nodes) this.#sorted.push(node)
    this.#sorted.sort((a, b) => compare(a.id, b.id))
  }

  remove(node: T): void {
    const at = this.#lowerBound(node.id)
    if (this.#sorted[at] === node) this.#sorted.splice(at, 1)
  }

  /** Whether somebody has this id. */
  has(id: Uint8Array): boolean {
    const at = this.#lowerBound(id)
    return at < this.#sorted.length && bytesEqual(this.#sorted[at]!.id, id)
  }

  /** In the order of ids: a node's place here is its index for {@link sharing}. */
  at(place: number): T {
    return this.#sorted[place]!
  }

  /** Places of those whose ids begin as `id` does for `bits` bits. */
  sharing(id: Uint8Array, bits: number): { readonly from: number; readonly to: number } {
    const first = id.slice()
    const last = id.slice()
    for (let bit = bits; bit < 8 * id.length; bit++) {
      first[bit >>> 3]! &= ~(0x80 >>> (bit & 7))
      last[bit >>> 3]! |= 0x80 >>> (bit & 7)
    }
    const to = this.#lowerBound(last)
    const isLastThere = to < this.#sorted.length && compare(this.#sorted[to]!.id, last) === 0
    return { from: this.#lowerBound(first), to: isLastThere ? to + 1 : to }
  }

  /** The `count` nearest to `target` that `accepts` takes, nearest first. */
  closest(target: Uint8Array, count: number, accepts: (node: T) => boolean = () => true): T[] {
    const found: T[] = []
    this.#visit({ target, count, accepts, found }, { from: 0, to: this.#sorted.length, bit: 0 })
    return found
  }

  /** Halves the range at each bit, and looks into the nearer half first: what is found is in order of distance. */
  #visit(search: Search<T>, { from, to, bit }: Range): void {
    const { target, count, accepts, found } = search
    if (from === to || found.length === count) return
    if (to - from === 1) {
      if (accepts(this.#sorted[from]!)) found.push(this.#sorted[from]!)
      return
    }
    const middle = this.#firstWithBit(from, to, bit)
    const low = { from, to: middle, bit: bit + 1 }
    const high = { from: middle, to, bit: bit + 1 }
    const isHighNearer = hasBit(target, bit)
    this.#visit(search, isHighNearer ? high : low)
    this.#visit(search, isHighNearer ? low : high)
  }

  #firstWithBit(from: number, to: number, bit: number): number {
    let low = from
    let high = to
    while (low < high) {
      const middle = (low + high) >>> 1
      if (hasBit(this.#sorted[middle]!.id, bit)) high = middle
      else low = middle + 1
    }
    return low
  }

  #lowerBound(id: Uint8Array): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#sorted[middle]!.id, id) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Search<T> {
  readonly target: Uint8Array
  readonly count: number
  readonly accepts: (node: T) => boolean
  readonly found: T[]
}

interface Range {
  readonly from: number
  readonly to: number
  readonly bit: number
}

function hasBit(id: Uint8Array, bit: number): boolean {
  return (id[bit >>> 3]! & (0x80 >>> (bit & 7))) !== 0
}

const ZERO = new Uint8Array(20)

function compare(a: Uint8Array, b: Uint8Array): number {
  return compareDistance(a, b, ZERO)
}
