/**
 * Contacts: an id at an endpoint. A contact is a small integer, a handle into typed columns;
 * equal contacts have equal handles. Nodes that share a process may share a book: an idle node then costs four bytes
 * for each of its contacts.
 *
 * Handles are reference-counted: whoever keeps one retains it and releases it once; a contact that nobody keeps is gone.
 */
import { InvariantError } from '../../protocol/errors.ts'
import {
  familyOf,
  packEndpoint,
  scopeOf,
  unpackEndpoint,
  type Endpoint,
  type Family,
  type Scope,
} from '../../protocol/endpoint.ts'
import { ID_LENGTH, type NodeId } from '../../protocol/ids.ts'
import { FREE_IDS, type IdRule } from '../identity/id-rule.ts'
import { CONTACT_LENGTH } from '../wire/messages.ts'

declare const brand: unique symbol
export type Contact = number & { readonly [brand]: 'Contact' }

/** No contact. */
export const NONE = -1 as Contact

const FIRST_CAPACITY = 64

/**
 * Everything about a contact is in one row of 32-bit words, in one or two cache lines: first the packed contact, then these
 * fields.
 */
const HOLDERS = 0
/** Next contact with the same hash, or next free row. */
const NEXT = 1
/** `UNTESTED`, `FITS` or `BREAKS`. */
const VERDICT = 2
const FIELDS = 3
/** Of an id, in its key. */
const KEY_BYTES = 4

/** The first row, for a contact that nobody keeps: see {@link ContactBook.guest}. */
export const GUEST = 0 as Contact

/** Whether an id fits its address: determined once, on demand. */
const UNTESTED = 0
const FITS = 1
const BREAKS = 2

export class ContactBook {
  readonly family: Family
  readonly idRule: IdRule
  /** Bytes of one packed contact: id, address, port. */
  readonly stride: number
  /** Words of a row, and those of them before the fields. */
  readonly #width: number
  readonly #packedWidth: number
  #rows: Int32Array
  /** The same as bytes. */
  #packed: Uint8Array
  /**
   * The first bytes of each contact's id and address, in which most contacts differ: a search through many contacts reads only
   * these.
   */
  #keys: Int32Array
  /** First contact of each hash; a power of two of them. */
  #heads: Int32Array
  #free = -1
  #used = GUEST + 1
  #size = 0
  readonly #endpoints: (Endpoint | undefined)[] = [undefined]
  readonly #scopes: Scope[] = ['bogus']
  readonly #scratch: Uint8Array

  /** @param idRule which ids go with which addresses */
  constructor(family: Family, idRule: IdRule = FREE_IDS) {
    this.family = family
    this.idRule = idRule
    this.stride = CONTACT_LENGTH[family]
    this.#packedWidth = Math.ceil(this.stride / 4)
    this.#width = this.#packedWidth + FIELDS
    this.#rows = new Int32Array(FIRST_CAPACITY * this.#width)
    this.#packed = new Uint8Array(this.#rows.buffer)
    this.#keys = new Int32Array(2 * FIRST_CAPACITY)
    this.#heads = new Int32Array(FIRST_CAPACITY).fill(-1)
    this.#scratch = new Uint8Array(this.stride)
  }

  /** Number of contacts that somebody keeps. */
  get size(): number {
    return this.#size
  }

  /** The caller holds the returned contact and must release it. `endpoint` is of the book's family. */
  intern(id: NodeId, endpoint: Endpoint): Contact {
    packContact(id, endpoint, this.#scratch)
    return this.#intern(this.#scratch, 0, endpoint)
  }

  /**
   * For a requester that is forgotten once it is answered: its contact if somebody keeps it, otherwise a guest, which exists
   * until the next guest comes and leaves no trace. The caller does not release it, and {@link retain} makes a contact of it.
   */
  guest(id: NodeId, endpoint: Endpoint): Contact {
    // Written to the guest's row first: the search compares from there, and it is in place already if it is not found.
    packContact(id, endpoint, this.#packed)
    const known = this.#find(this.#packed, 0)
    if (known !== NONE) return known
    this.#complete(GUEST, endpoint)
    return GUEST
  }

  /** Reads one contact out of a packed list; otherwise as {@link intern}. */
  internPacked(list: Uint8Array, offset: number): Contact {
    return this.#intern(list, offset, undefined)
  }

  /** @returns the same contact, unless it was a guest */
  retain(contact: Contact): Contact {
    if (contact === GUEST) return this.#intern(this.#packed, this.#byte(GUEST), this.endpoint(GUEST))
    const at = this.#field(contact, HOLDERS)
    if (!(this.#rows[at]! > 0)) throw new InvariantError(`contact ${contact} is kept after its release`)
    this.#rows[at]!++
    return contact
  }

  release(contact: Contact): void {
    const at = this.#field(contact, HOLDERS)
    if (!(this.#rows[at]! > 0)) throw new InvariantError(`contact ${contact} is released twice`)
    if (--this.#rows[at]! === 0) this.#remove(contact)
  }

  endpoint(contact: Contact): Endpoint {
    const known = this.#endpoints[contact]
    if (known === undefined) throw new InvariantError(`contact ${contact} has no endpoint`)
    return known
  }

  scope(contact: Contact): Scope {
    return this.#scopes[contact]!
  }

  /** Whether the contact has an id that follows from its address. */
  isBound(contact: Contact): boolean {
    const verdict = this.#field(contact, VERDICT)
    if (this.#rows[verdict] === UNTESTED) {
      const at = this.#byte(contact)
      const fits = this.idRule.fits(this.#packed.subarray(at, at + this.stride))
      this.#rows[verdict] = fits ? FITS : BREAKS
    }
    return this.#rows[verdict] === FITS
  }

  /** A copy. */
  id(contact: Contact): NodeId {
    const at = this.#byte(contact)
    return this.#packed.slice(at, at + ID_LENGTH) as NodeId
  }

  hasId(contact: Contact, id: NodeId): boolean {
    return this.#isSame(contact, id, 0, 0, ID_LENGTH)
  }

  isSameId(a: Contact, b: Contact): boolean {
    return this.#isSame(a, this.#packed, this.#byte(b), 0, ID_LENGTH)
  }

  isSameEndpoint(a: Contact, b: Contact): boolean {
    return this.#isSame(a, this.#packed, this.#byte(b), ID_LENGTH, this.stride)
  }

  /** Whether `a` and `b` may share an id, an endpoint or a network of 24 bits or more; certainly not if false. */
  isAkin(a: Contact, b: Contact): boolean {
    const keys = this.#keys
    return keys[2 * a] === keys[2 * b] || keys[2 * a + 1] === keys[2 * b + 1]
  }

  /** Whether the first `bits`, a multiple of 8, of both addresses agree. */
  isSameNetwork(a: Contact, b: Contact, bits: number): boolean {
    return this.#isSame(a, this.#packed, this.#byte(b), ID_LENGTH, ID_LENGTH + bits / 8)
  }

  /** Negative when `a` is nearer to `target` than `b`. */
  compareDistance(a: Contact, b: Contact, target: Uint8Array): number {
    const packed = this.#packed
    const atA = this.#byte(a)
    const atB = this.#byte(b)
    for (let i = 0; i < ID_LENGTH; i++) {
      const difference = (packed[atA + i]! ^ target[i]!) - (packed[atB + i]! ^ target[i]!)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** The first 31 bits of the distance to a target, of which `targetKey` are the first 32. */
  distanceKey(contact: Contact, targetKey: number): number {
    return (this.#keys[2 * contact]! ^ targetKey) >>> 1
  }

  /** Leading bits that the contact's id shares with `id`. */
  commonPrefix(contact: Contact, id: Uint8Array): number {
    const begin = this.#keys[2 * contact]! ^ ((id[0]! << 24) | (id[1]! << 16) | (id[2]! << 8) | id[3]!)
    if (begin !== 0) return Math.clz32(begin)
    const at = this.#byte(contact)
    for (let i = KEY_BYTES; i < ID_LENGTH; i++) {
      const difference = this.#packed[at + i]! ^ id[i]!
      if (difference !== 0) return 8 * i + Math.clz32(difference) - 24
    }
    return 8 * ID_LENGTH
  }

  /** The `count` bits of its id, at most 24, that follow the first `from`. */
  idBits(contact: Contact, from: number, count: number): number {
    if (count === 0) return 0
    if (from + count <= 8 * KEY_BYTES) return (this.#keys[2 * contact]! << from) >>> (32 - count)
    const packed = this.#packed
    const at = this.#byte(contact) + (from >>> 3)
    const word = (packed[at]! << 24) | (packed[at + 1]! << 16) | (packed[at + 2]! << 8) | packed[at + 3]!
    return (word << (from & 7)) >>> (32 - count)
  }

  /** The distance to `target` as a fraction of the space; for estimates only, never for comparing. */
  distanceFraction(contact: Contact, target: Uint8Array): number {
    const at = this.#byte(contact)
    let fraction = 0
    for (let i = 6; i >= 0; i--) fraction = (fraction + (this.#packed[at + i]! ^ target[i]!)) / 256
    return fraction
  }

  /** Writes the packed contact into `out`. */
  pack(contact: Contact, out: Uint8Array, offset: number): void {
    const at = this.#byte(contact)
    for (let i = 0; i < this.stride; i++) out[offset + i] = this.#packed[at + i]!
  }

  #intern(from: Uint8Array, offset: number, endpoint: Endpoint | undefined): Contact {
    const known = this.#find(from, offset)
    if (known === NONE) return this.#add(from, offset, endpoint)
    this.#rows[this.#field(known, HOLDERS)]!++
    return known
  }

  #find(from: Uint8Array, offset: number): Contact {
    const head = this.#hash(from, offset) & (this.#heads.length - 1)
    for (let row = this.#heads[head]!; row >= 0; row = this.#rows[this.#field(row, NEXT)]!)
      if (this.#isSame(row as Contact, from, offset, 0, this.stride)) return row as Contact
    return NONE
  }

  #add(from: Uint8Array, offset: number, endpoint: Endpoint | undefined): Contact {
    if (this.#free < 0 && this.#used === this.#heads.length) this.#grow()
    const row = this.#free >= 0 ? this.#free : this.#used++
    if (row === this.#free) this.#free = this.#rows[this.#field(row, NEXT)]!
    const to = this.#byte(row)
    for (let i = 0; i < this.stride; i++) this.#packed[to + i] = from[offset + i]!
    this.#complete(row, endpoint)
    this.#rows[this.#field(row, HOLDERS)] = 1
    this.#size++
    this.#link(row)
    return row as Contact
  }

  /** All that follows from the packed contact that a row begins with. */
  #complete(row: number, endpoint: Endpoint | undefined): void {
    this.#rows[this.#field(row, VERDICT)] = UNTESTED
    this.#keys[2 * row] = this.#key(row, 0, KEY_BYTES)
    this.#keys[2 * row + 1] = this.#key(row, ID_LENGTH, 3)
    const known = endpoint ?? unpackEndpoint(this.#packed, this.#byte(row) + ID_LENGTH, this.family)
    this.#endpoints[row] = known
    // A socket of this family cannot reach a v4-mapped address.
    this.#scopes[row] = familyOf(known.host) === this.family ? scopeOf(known.host) : 'bogus'
  }

  #remove(contact: Contact): void {
    const head = this.#hash(this.#packed, this.#byte(contact)) & (this.#heads.length - 1)
    const rows = this.#rows
    const next = this.#field(contact, NEXT)
    if (this.#heads[head] === contact) this.#heads[head] = rows[next]!
    else {
      let before = this.#field(this.#heads[head]!, NEXT)
      while (rows[before] !== contact) before = this.#field(rows[before]!, NEXT)
      rows[before] = rows[next]!
    }
    rows[next] = this.#free
    this.#free = contact
    this.#endpoints[contact] = undefined
    this.#size--
  }

  #link(row: number): void {
    const head = this.#hash(this.#packed, this.#byte(row)) & (this.#heads.length - 1)
    this.#rows[this.#field(row, NEXT)] = this.#heads[head]!
    this.#heads[head] = row
  }

  /** Where the packed contact of a row begins. */
  #byte(row: number): number {
    return 4 * row * this.#width
  }

  /** Where a field of a row is. */
  #field(row: number, field: number): number {
    return row * this.#width + this.#packedWidth + field
  }

  #key(row: number, from: number, bytes: number): number {
    let key = 0
    for (let i = from; i < from + bytes; i++) key = (key << 8) | this.#packed[this.#byte(row) + i]!
    return key
  }

  /** Only called when every row is in use. */
  #grow(): void {
    const capacity = 2 * this.#heads.length
    const rows = new Int32Array(capacity * this.#width)
    rows.set(this.#rows)
    this.#rows = rows
    this.#packed = new Uint8Array(rows.buffer)
    const keys = new Int32Array(2 * capacity)
    keys.set(this.#keys)
    this.#keys = keys
    this.#heads = new Int32Array(capacity).fill(-1)
    for (let row = GUEST + 1; row < this.#used; row++) this.#link(row)
  }

  #isSame(contact: Contact, bytes: Uint8Array, offset: number, begin: number, end: number): boolean {
    const at = this.#byte(contact)
    for (let i = begin; i < end; i++) if (this.#packed[at + i] !== bytes[offset + i]) return false
    return true
  }

  /** Ids are random where it matters; forged collisions only lengthen chains, which other limits keep short. */
  #hash(bytes: Uint8Array, offset: number): number {
    let hash = 0x811c9dc5
    for (let i = 0; i < 4; i++) hash = Math.imul(hash ^ bytes[offset + i]!, 0x01000193)
    for (let i = ID_LENGTH; i < this.stride; i++) hash = Math.imul(hash ^ bytes[offset + i]!, 0x01000193)
    return hash ^ (hash >>> 15)
  }
}

/** At the start of `out`. */
function packContact(id: NodeId, endpoint: Endpoint, out: Uint8Array): void {
  for (let i = 0; i < ID_LENGTH; i++) out[i] = id[i]!
  packEndpoint(endpoint, out, ID_LENGTH)
}
