/**
 * A map that takes no memory while it is empty, and hardly any with one entry. Of a hundred thousand nodes in one process, empty
 * maps would be a fifth of the memory, and most of the others have a single, short-lived entry.
 */
export class LazyMap<K, V> implements Iterable<[K, V]> {
  /** The only entry, while there is no map. */
  #key: K | typeof VACANT = VACANT
  #value: V | undefined = undefined
  #map: Map<K, V> | undefined = undefined

  get size(): number {
    if (this.#map !== undefined) return this.#map.size
    return this.#key === VACANT ? 0 : 1
  }

  get(key: K): V | undefined {
    if (this.#map !== undefined) return this.#map.get(key)
    return this.#key === key ? this.#value : undefined
  }

  has(key: K): boolean {
    return this.#map === undefined ? this.#key === key : this.#map.has(key)
  }

  set(key: K, value: V): void {
    if (this.#map !== undefined) this.#map.set(key, value)
    else if (this.#key === VACANT || this.#key === key) {
      this.#key = key
      this.#value = value
    } else {
      const map = new Map([[this.#key, this.#value as V]])
      this.clear()
      this.#map = map.set(key, value)
    }
  }

  /** @returns whether it was there */
  delete(key: K): boolean {
    if (this.#map === undefined) {
      if (this.#key !== key) return false
      this.clear()
      return true
    }
    if (!this.#map.delete(key)) return false
    if (this.#map.size === 0) this.#map = undefined
    return true
  }

  clear(): void {
    this.#key = VACANT
    this.#value = undefined
    this.#map = undefined
  }

  keys(): IterableIterator<K> {
    if (this.#map !== undefined) return this.#map.keys()
    return (this.#key === VACANT ? [] : [this.#key]).values()
  }

  values(): IterableIterator<V> {
    if (this.#map !== undefined) return this.#map.values()
    return (this.#key === VACANT ? [] : [this.#value as V]).values()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    if (this.#map !== undefined) return this.#map.entries()
    const entries: [K, V][] = this.#key === VACANT ? [] : [[this.#key, this.#value as V]]
    return entries.values()
  }
}

/** No key. */
const VACANT = Symbol('vacant')
