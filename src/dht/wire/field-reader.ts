/** Reads the fields of a message in place, in the datagram, each with its own check. */
import { readBase64Url } from '../../protocol/base64.ts'
import { ID_LENGTH, readHex, type InfoHash, type NodeId } from '../../protocol/ids.ts'
import { ABSENT, INTEGER, LIST, TEXT, type FlatObject } from './flat-object.ts'
import { readWord } from './word.ts'

/** Digits of the largest integer that a double holds exactly. */
const MAX_DIGITS = 16

const ZERO = 0x30

const ascii = new TextDecoder()

const ERROR_TEXT = /^[A-Za-z0-9 ._-]{0,48}$/
/** The range of error codes. */
const MIN_ERROR = 200
const MAX_ERROR = 299

/**
 * A missing field is undefined, and so is a wrong one: what was read of a message counts only if there is no
 * {@link failure} at its end.
 */
export class FieldReader {
  #object!: FlatObject
  #failure: 'field' | 'blob' | undefined

  begin(object: FlatObject): void {
    this.#object = object
    this.#failure = undefined
  }

  /** Which check failed: packed fields are looked into once all others are right. */
  get failure(): 'field' | 'blob' | undefined {
    return this.#failure
  }

  refuse(failure: 'field' | 'blob'): undefined {
    if (this.#failure !== 'field') this.#failure = failure
    return undefined
  }

  isText(place: number, text: string): boolean {
    return this.#object.isText(place, text)
  }

  /** Exactly one of the two is there. */
  requireOneOf(place: number, other: number): void {
    if (this.#object.has(place) === this.#object.has(other)) this.refuse('field')
  }

  requiredId<Id extends NodeId | InfoHash>(place: number): Id {
    return this.id<Id>(place) ?? this.#missing<Id>()
  }

  /** Lowercase hex only: capitals would be a second text for the same id. */
  id<Id extends NodeId | InfoHash>(place: number): Id | undefined {
    if (!this.#is(place, TEXT)) return undefined
    const from = this.#start(place)
    if (this.#end(place) - from !== 2 * ID_LENGTH) return this.refuse('field')
    const id = readHex(this.#object.data, from, ID_LENGTH)
    return id === undefined ? this.refuse('field') : (id as Id)
  }

  requiredWord(place: number, least: number, most: number): string {
    return this.word(place, least, most) ?? this.#missing<string>()
  }

  /** Digits of base64url. */
  word(place: number, least: number, most: number): string | undefined {
    if (!this.#is(place, TEXT)) return undefined
    const from = this.#start(place)
    const end = this.#end(place)
    if (end - from < least || end - from > most) return this.refuse('field')
    return readWord(this.#object.data, from, end) ?? this.refuse('field')
  }

  one(place: number): 1 | undefined {
    return this.integer(place, 1, 1) as 1 | undefined
  }

  integer(place: number, least: number, most: number): number | undefined {
    if (!this.#is(place, INTEGER)) return undefined
    const value = this.#integerAt(this.#start(place), this.#end(place))
    return value >= least && value <= most ? value : this.refuse('field')
  }

  /** @returns how many zeros a text of nothing else has */
  zeros(place: number, most: number): number | undefined {
    if (!this.#is(place, TEXT)) return undefined
    const { data } = this.#object
    const from = this.#start(place)
    const end = this.#end(place)
    if (end - from > most) return this.refuse('field')
    return areZeros(data, from, end) ? end - from : this.refuse('field')
  }

  /** Up to `most` items of `unit` bytes each in canonical base64url. */
  blob(place: number, unit: number, most: number): Uint8Array | undefined {
    if (!this.#is(place, TEXT)) return undefined
    const from = this.#start(place)
    const end = this.#end(place)
    if (end - from > Math.ceil((unit * most * 4) / 3)) return this.refuse('blob')
    const bytes = readBase64Url(this.#object.data, from, end)
    return bytes === undefined || bytes.length % unit !== 0 ? this.refuse('blob') : bytes
  }

  /** Up to two families of addresses. */
  families(place: number): ('n4' | 'n6')[] | undefined {
    if (!this.#is(place, LIST)) return undefined
    const families: ('n4' | 'n6')[] = []
    for (const item of this.#items(place)) {
      if (families.length === 2 || (item !== 'n4' && item !== 'n6')) return this.refuse('field')
      families.push(item)
    }
    return families
  }

  /** A number and a short text. */
  error(place: number): [number, string] | undefined {
    if (!this.#is(place, LIST)) return undefined
    const [code, text, more] = this.#items(place)
    if (typeof code !== 'number' || typeof text !== 'string' || more !== undefined)
      return this.refuse('field')
    const isError = code >= MIN_ERROR && code <= MAX_ERROR && ERROR_TEXT.test(text)
    return isError ? [code, text] : this.refuse('field')
  }

  /** Whether there is such a value; another one fails. */
  #is(place: number, kind: number): boolean {
    const found = this.#object.kindOf(place)
    if (found === kind) return true
    if (found !== ABSENT) this.refuse('field')
    return false
  }

  /** Stands in for a required field in a message that nobody will see. */
  #missing<Value>(): Value {
    this.refuse('field')
    return undefined as Value
  }

  #start(place: number): number {
    return this.#object.startOf(place)
  }

  #end(place: number): number {
    return this.#object.endOf(place)
  }

  /** Infinite above what a double holds exactly. */
  #integerAt(from: number, end: number): number {
    if (end - from > MAX_DIGITS) return Number.POSITIVE_INFINITY
    const { data } = this.#object
    let value = 0
    for (let at = from; at < end; at++) value = 10 * value + (data[at]! - ZERO)
    return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY
  }

  /** The integers and texts of a list whose grammar was checked; null for whatever else it holds. */
  *#items(place: number): Generator<number | string | null> {
    // A list holds neither lists nor escapes, so that commas stand between its items or in a text.
    const items = /"([^"]*)"|[^",[\] ]+/g
    const list = ascii.decode(this.#object.data.subarray(this.#start(place), this.#end(place)))
    for (const [item, text] of list.matchAll(items)) {
      if (text !== undefined) yield text
      else yield /^\d+$/.test(item) ? Number(item) : null
    }
  }
}

function areZeros(data: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (data[at] !== ZERO) return false
  return true
}
