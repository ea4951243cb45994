/**
 * A map that takes no memory while it is empty, and hardly any with one entry. Of a hundred thousand nodes in one process, empty
 * maps would be a fifth of the memory, and most of the others have a single, short-lived entry.
 */
export class LazyMap<K, V> implements Iterable<[K, V]> {
  /** The only key; `VACANT` without entries; `MANY` when `#value` is a map of all entries. */
  #key: K | typeof VACANT | typeof MANY = VACANT
  #value: V | Map<K, V> | undefined = undefined

  get size(): number {
    if (this.#key === MANY) return mapIn<K, V>(this.#value).size
    return this.#key === VACANT ? 0 : 1
  }

  get(key: K): V | undefined {
    if (this.#key === MANY) return mapIn<K, V>(this.#value).get(key)
    return this.#key === key ? (this.#value as V) : undefined
  }

  has(key: K): boolean {
    return this.#key === MANY ? mapIn<K, V>(this.#value).has(key) : this.#key === key
  }

  set(key: K, value: V): void {
    if (this.#key === MANY) mapIn<K, V>(this.#value).set(key, value)
    else if (this.#key === VACANT || this.#key === key) {
      this.#key = key
      this.#value = value
    } else {
      const map = new Map([[this.#key, this.#value as V]])
      this.#key = MANY
      this.#value = map.set(key, value)
    }
  }

  /** @returns whether it was there */
  delete(key: K): boolean {
    const isThere = this.#key === MANY ? mapIn<K, V>(this.#value).delete(key) : this.#key === key
    if (isThere && (this.#key !== MANY || mapIn<K, V>(this.#value).size === 0)) this.clear()
    return isThere
  }

  clear(): void {
    this.#key = VACANT
    this.#value = undefined
  }

  keys(): IterableIterator<K> {
    if (this.#key === MANY) return mapIn<K, V>(this.#value).keys()
    return (this.#key === VACANT ? [] : [this.#key]).values()
  }

  values(): IterableIterator<V> {
    if (this.#key === MANY) return mapIn<K, V>(this.#value).values()
    return (this.#key === VACANT ? [] : [this.#value as V]).values()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    if (this.#key === MANY) return mapIn<K, V>(this.#value).entries()
    const entries: [K, V][] = this.#key === VACANT ? [] : [[this.#key, this.#value as V]]
    return entries.values()
  }
}

/** No key; more than one key. */
const VACANT = Symbol('vacant')
const MANY = Symbol('many')

/** The map behind `MANY`. A private accessor would add a field to every instance. */
function mapIn<K, V>(value: unknown): Map<K, V> {
  return value as Map<K, V>
}
