/** A set that takes no memory while it is empty, like {@link LazyMap}. */
export class LazySet<T> implements Iterable<T> {
  #set: Set<T> | undefined = undefined

  get size(): number {
    return this.#set === undefined ? 0 : this.#set.size
  }

  has(value: T): boolean {
    return this.#set !== undefined && this.#set.has(value)
  }

  add(value: T): void {
    this.#set ??= new Set()
    this.#set.add(value)
  }

  /** @returns whether it was there */
  delete(value: T): boolean {
    if (this.#set === undefined || !this.#set.delete(value)) return false
    if (this.#set.size === 0) this.#set = undefined
    return true
  }

  clear(): void {
    this.#set = undefined
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.#set ?? NOTHING)[Symbol.iterator]()
  }
}

/** Shared by all empty sets. */
const NOTHING = new Set<never>()
