/** The table of all contacts: what it says of them is what their ids and addresses say. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContactBook, type Contact } from '../../../src/dht/table/contact.ts'
import { scopeOf, type Endpoint } from '../../../src/protocol/endpoint.ts'
import { bytesEqual, commonPrefixLength, compareDistance, type NodeId } from '../../../src/protocol/ids.ts'

const anyId = fc.uint8Array({ minLength: 20, maxLength: 20 }) as fc.Arbitrary<NodeId>
/** Few ids that share much, so that they are equal, or nearly, often enough. */
const nearId = fc.tuple(fc.nat(19), fc.nat(3)).map(([at, byte]) => {
  const id = new Uint8Array(20) as NodeId
  id[at] = byte
  return id
})
const id = fc.oneof(anyId, nearId)
const endpoint: fc.Arbitrary<Endpoint> = fc.record({
  host: fc.oneof(fc.ipV4(), fc.constantFrom('10.0.0.1', '10.0.0.2', '127.0.0.1')),
  port: fc.constantFrom(1, 2, 65_535),
})
const someone = fc.record({ id, endpoint })

test('two are the same contact exactly when id and endpoint are, and none is left at the end', () => {
  fc.assert(
    fc.property(fc.array(someone, { maxLength: 80 }), (all) => {
      const book = new ContactBook(4)
      const known = new Map<string, Contact>()
      const held = all.map((one) => {
        const contact = book.intern(one.id, one.endpoint)
        const key = `${one.id.join()} ${one.endpoint.host} ${one.endpoint.port}`
        expect(known.get(key) ?? contact).toBe(contact)
        known.set(key, contact)
        expect(book.id(contact)).toEqual(one.id)
        expect(book.endpoint(contact)).toEqual(one.endpoint)
        expect(book.scope(contact)).toBe(scopeOf(one.endpoint.host))
        return contact
      })
      expect(book.size).toBe(known.size)
      for (const contact of held) book.release(contact)
      expect(book.size).toBe(0)
    }),
  )
})

test('a guest is what a contact would be, leaves no trace, and stays when somebody keeps him', () => {
  fc.assert(
    fc.property(fc.array(someone, { maxLength: 80 }), fc.array(someone, { minLength: 1 }), (all, guests) => {
      const book = new ContactBook(4)
      const held = all.map((one) => book.intern(one.id, one.endpoint))
      const { size } = book
      for (const { id: itsId, endpoint: from } of guests) {
        const guest = book.guest(itsId, from)
        expect(book.id(guest)).toEqual(itsId)
        expect(book.endpoint(guest)).toEqual(from)
        expect(book.scope(guest)).toBe(scopeOf(from.host))
        expect(book.size).toBe(size)
        const kept = book.retain(guest)
        expect(kept).toBe(book.guest(itsId, from))
        expect(book.hasId(kept, itsId)).toBe(true)
        book.release(kept)
        expect(book.size).toBe(size)
      }
      expect(held.map((one) => book.id(one))).toEqual(all.map((one) => one.id))
      const nobody = book.guest(new Uint8Array(20).fill(0xee) as NodeId, { host: '10.9.9.9', port: 9 })
      expect(() => book.release(nobody)).toThrow('released twice')
    }),
  )
})

test('its distance is that of the ids: symmetric, zero to oneself only, and never longer than by way of a third', () => {
  fc.assert(
    fc.property(id, id, id, endpoint, (a, b, target, at) => {
      const book = new ContactBook(4)
      const [first, second] = [book.intern(a, at), book.intern(b, at)]
      expect(Math.sign(book.compareDistance(first, second, target))).toBe(
        Math.sign(compareDistance(a, b, target)),
      )
      expect(book.compareDistance(first, second, target) === 0).toBe(bytesEqual(a, b))
      expect(book.commonPrefix(first, b)).toBe(commonPrefixLength(a, b))
      expect(book.commonPrefix(first, b)).toBe(book.commonPrefix(second, a))
      expect(book.distanceFraction(first, b)).toBe(book.distanceFraction(second, a))
      // 56 bits of it are kept, each rounded down.
      const error = 2 ** -52
      expect(book.distanceFraction(first, target)).toBeLessThanOrEqual(
        book.distanceFraction(first, b) + book.distanceFraction(second, target) + error,
      )
    }),
  )
})

test('who says that two may be akin is never wrong when they are', () => {
  fc.assert(
    fc.property(someone, someone, (a, b) => {
      const book = new ContactBook(4)
      const [first, second] = [book.intern(a.id, a.endpoint), book.intern(b.id, b.endpoint)]
      const isSomehowTheSame =
        book.isSameId(first, second) ||
        book.isSameEndpoint(first, second) ||
        book.isSameNetwork(first, second, 24)
      if (isSomehowTheSame) expect(book.isAkin(first, second)).toBe(true)
      expect(book.isSameId(first, second)).toBe(bytesEqual(a.id, b.id))
      expect(book.isSameNetwork(first, second, 32)).toBe(a.endpoint.host === b.endpoint.host)
    }),
  )
})
