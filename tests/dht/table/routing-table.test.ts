import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContactBook, NONE, type Contact } from '../../../src/dht/table/contact.ts'
import { GOOD_FOR } from '../../../src/dht/table/freshness.ts'
import { BucketMemory } from '../../../src/dht/table/bucket-memory.ts'
import { RoutingTable } from '../../../src/dht/table/routing-table.ts'
import {
  displacedBy,
  slotBits,
  wideCapacityAt,
  type Slotted,
  type SlottedBucket,
} from '../../../src/dht/table/table-shape.ts'
import { compareDistance, toHex, type NodeId } from '../../../src/protocol/ids.ts'

/** An id that begins with these bits, the rest zero but for a last byte that tells equal prefixes apart. */
function id(bits: string, last = 0): NodeId {
  const bytes = new Uint8Array(20)
  for (let i = 0; i < bits.length; i++) if (bits[i] === '1') bytes[i >>> 3]! |= 0x80 >>> (i & 7)
  bytes[19] = last
  return bytes as NodeId
}

const ownId = id('')

function world(capacity = 8) {
  const book = new ContactBook(4)
  const table = new RoutingTable({ ownId, book, capacityAt: () => capacity })
  let nextHost = 1
  const contact = (nodeId: NodeId, host = `10.0.${nextHost >>> 8}.${nextHost++ & 255}`): Contact =>
    book.intern(nodeId, { host, port: 20_000 })
  return { book, table, contact }
}

describe('who gets in', () => {
  test('a contact that answered, once', () => {
    const { table, contact } = world()
    const a = contact(id('1'))
    expect(table.onReply(a, 0, 5)).toBe('added')
    expect(table.onReply(a, 0, 5)).toBe('known')
    expect(table.size).toBe(1)
  })

  test('never ourselves', () => {
    const { table, contact } = world()
    expect(table.onReply(contact(ownId), 0, 5)).toBe('refused')
    expect(table.hasRoomFor(contact(ownId))).toBe(false)
  })

  test('who sent us a request is not in for that', () => {
    const { table, contact } = world()
    table.onRequest(contact(id('1')), 0)
    expect(table.size).toBe(0)
  })

  test('a full far bucket lets the newcomer wait, and doubts the member that was silent for longest', () => {
    const { table, contact } = world(2)
    const old = contact(id('1', 1))
    table.onReply(old, 0, 5)
    table.onReply(contact(id('1', 2)), 1_000, 5)
    table.onReply(contact(id('01', 3)), 1_000, 5)
    const newcomer = contact(id('1', 4))
    expect(table.onReply(newcomer, 2_000, 5)).toBe('waiting')
    expect(table.doubtedFor(newcomer, 2_000)).toBe(NONE)
    expect(table.doubtedFor(newcomer, GOOD_FOR + 500)).toBe(old)
  })

  test('a silent member is replaced by the one that waits, once it failed twice near us', () => {
    const { table, contact } = world(1)
    const old = contact(id('1', 1))
    table.onReply(old, 0, 5)
    table.onReply(contact(id('01', 2)), 0, 5)
    const newcomer = contact(id('1', 3))
    expect(table.onReply(newcomer, 0, 5)).toBe('waiting')
    expect(table.onTimeout(old, 1)).toBe(NONE)
    expect(table.has(old)).toBe(true)
    expect(table.onTimeout(old, 1)).toBe(newcomer)
    expect(table.has(old)).toBe(false)
    expect(table.onReply(newcomer, 1, 5)).toBe('added')
  })

  test('while nobody answers us, nobody is thrown out', () => {
    const { table, contact } = world()
    const a = contact(id('1'))
    table.onReply(a, 0, 5)
    for (let i = 0; i < 10; i++) table.onTimeout(a, 0)
    expect(table.has(a)).toBe(true)
  })

  test('an endpoint with a new id takes the place of its old one', () => {
    const { table, contact } = world()
    const before = contact(id('1'), '10.0.0.1')
    const after = contact(id('01'), '10.0.0.1')
    table.onReply(before, 0, 5)
    expect(table.onReply(after, 1, 5)).toBe('added')
    expect(table.has(before)).toBe(false)
  })

  test('a known id at another endpoint stays out until the known one has failed twice', () => {
    const { table, contact } = world()
    const known = contact(id('1'), '10.0.0.1')
    const impostor = contact(id('1'), '10.0.0.2')
    table.onReply(known, 0, 5)
    expect(table.onReply(impostor, 1, 5)).toBe('refused')
  })

  test('one public address is one contact, a private one may be many', () => {
    const { table, book } = world()
    const at = (host: string, port: number, last: number): Contact =>
      book.intern(id('1', last), { host, port })
    expect(table.onReply(at('20.0.0.1', 2_000, 1), 0, 5)).toBe('added')
    expect(table.onReply(at('20.0.0.1', 2_001, 2), 0, 5)).toBe('refused')
    expect(table.onReply(at('127.0.0.1', 2_000, 3), 0, 5)).toBe('added')
    expect(table.onReply(at('127.0.0.1', 2_001, 4), 0, 5)).toBe('added')
  })

  test('a public /24 gets two places in a bucket', () => {
    const { table, contact } = world()
    expect(table.onReply(contact(id('1', 1), '20.0.0.1'), 0, 5)).toBe('added')
    expect(table.onReply(contact(id('1', 2), '20.0.0.2'), 0, 5)).toBe('added')
    table.onReply(contact(id('01', 9)), 0, 5)
    expect(table.onReply(contact(id('1', 3), '20.0.0.3'), 0, 5)).toBe('refused')
    expect(table.onReply(contact(id('1', 4), '20.0.1.3'), 0, 5)).toBe('added')
  })
})

test('others are told only of contacts that answered lately and left nothing unanswered', () => {
  const { table, contact } = world()
  const fresh = contact(id('1', 1))
  const stale = contact(id('1', 2))
  const failing = contact(id('1', 3))
  table.onReply(stale, 0, 5)
  table.onReply(fresh, GOOD_FOR, 5)
  table.onReply(failing, GOOD_FOR, 5)
  table.onTimeout(failing, 1)
  expect(table.closestGood(id('1'), 8, GOOD_FOR + 1_000, () => true)).toEqual([fresh])
})

test('of a bucket those are named that were heard of lately, or else the last one, while it is good', () => {
  const { table, contact } = world()
  const minute = 60_000
  const names = [0, 6, 8, 9].map((at, index) => {
    const one = contact(id('1', index))
    table.onReply(one, at * minute, 5)
    return one
  })
  const namedAt = (now: number): Contact[] => table.closestGood(id('1', 0), 8, now * minute, () => true)
  expect(namedAt(10)).toEqual(names.slice(1))
  expect(namedAt(11)).toEqual(names.slice(1))
  expect(namedAt(11.1)).toEqual(names.slice(2))
  expect(namedAt(14)).toEqual(names.slice(3))
  expect(namedAt(23)).toEqual(names.slice(3))
  expect(namedAt(25)).toEqual([])
})

test('around ourselves all are asked, the longest silent first; elsewhere the one heard of last', () => {
  const book = new ContactBook(4)
  const table = new RoutingTable({ ownId, book })
  const at = (bits: string, last: number): Contact =>
    book.intern(id(bits, last), { host: `10.0.${bits.length}.${last}`, port: 20_000 })
  const far = Array.from({ length: 10 }, (_, i) => at('1', i))
  for (const [minute, one] of far.entries()) table.onReply(one, minute * 60_000, 5)
  const near = [at('01', 1), at('001', 2)]
  for (const one of near) table.onReply(one, 9 * 60_000, 5)
  expect(table.depth).toBe(2)
  for (let i = 0; i < 9; i++) table.onReply(at('0001', i), 10 * 60_000, 5)
  expect(table.depth).toBeGreaterThan(3)
  const [minute, never] = [60_000, 1e12]
  expect(table.nextRefresh({ near: never, far: 10 * minute })).toEqual({ contact: far[9], at: 19 * minute })
  expect(table.nextRefresh({ near: minute, far: never }).at).toBe(11 * minute)
  // A request shows life as well as an answer does.
  table.onRequest(far[8]!, 90 * minute)
  expect(table.nextRefresh({ near: never, far: 10 * minute }).contact).toBe(near[0])
  table.forgetSurplus(5 * minute + 1)
  expect(far.map((one) => table.has(one))).toEqual([false, false, ...Array.from({ length: 8 }, () => true)])
})

test('of two neighbours the one that asked last asks again: the other waits five seconds longer', () => {
  const { book, contact } = world()
  const table = new RoutingTable({ ownId, book })
  const [asked, asker] = [contact(id('00001', 1)), contact(id('00001', 2))]
  for (const one of [asked, asker]) table.onReply(one, 0, 5)
  const due = (): ReturnType<RoutingTable['nextRefresh']> => table.nextRefresh({ near: 60_000, far: 60_000 })
  table.onRequest(asker, 1_000)
  table.onReply(asked, 2_000, 5)
  expect(due()).toEqual({ contact: asked, at: 62_000 })
  table.onReply(asked, 9_000, 5)
  expect(due()).toEqual({ contact: asker, at: 66_000 })
})

test('wide places are not worth a ping: beyond eight a far bucket takes who answers anyway', () => {
  const { book, contact } = world()
  const table = new RoutingTable({ ownId, book })
  for (let i = 0; i < 8; i++) table.onReply(contact(id('1', i)), 0, 5)
  for (let i = 0; i < 30; i++) table.onReply(contact(id('00001', i)), 0, 5)
  const newcomer = contact(id('11'))
  expect(table.hasRoomFor(newcomer)).toBe(false)
  expect(table.onReply(newcomer, 0, 5)).toBe('added')
})

test('who has an id of somebody that answers is refused, although he had another one himself', () => {
  const { table, book } = world()
  const at = (last: number, host: string): Contact => book.intern(id('1', last), { host, port: 20_000 })
  const [before, owner, impostor] = [at(1, '10.0.0.1'), at(2, '10.0.0.2'), at(2, '10.0.0.1')]
  expect(table.onReply(before, 0, 5)).toBe('added')
  expect(table.onReply(owner, 0, 5)).toBe('added')
  expect(table.onReply(impostor, 0, 5)).toBe('refused')
  expect([...table.contacts()]).toEqual([before, owner])
  for (let i = 0; i < 2; i++) table.onTimeout(owner, 1)
  expect(table.onReply(impostor, 0, 5)).toBe('added')
  expect([...table.contacts()]).toEqual([impostor])
})

describe('a full bucket of members that all answer', () => {
  const member = (slot: number, rttMs = 50): Slotted => ({ slot, rttMs })
  const bucket = (members: readonly Slotted[]): SlottedBucket => ({
    size: members.length,
    slotAt: (at) => members[at]!.slot,
    rttAt: (at) => members[at]!.rttMs,
  })

  test('gives the place of the slowest in the most crowded slot to a newcomer whose slot is empty', () => {
    const members = bucket([member(0, 90), member(1, 20), member(1, 40), member(2, 80)])
    expect(displacedBy(member(3, 500), members)).toBe(2)
  })

  test('keeps its members, however fast a newcomer to their slot is', () => {
    expect(displacedBy(member(0, 1), bucket([0, 1, 2, 3].map((slot) => member(slot))))).toBe(-1)
  })

  test('that is wide prefers who is clearly faster, and never one that was not measured', () => {
    const members = bucket(Array.from({ length: 32 }, (_, slot) => member(slot, 100)))
    expect(displacedBy(member(5, 89), members)).toBe(5)
    expect(displacedBy(member(5, 91), members)).toBe(-1)
    expect(displacedBy(member(5, Number.POSITIVE_INFINITY), members)).toBe(-1)
  })

  test('the table keeps the one that had to go as a replacement', () => {
    const { table, contact } = world(2)
    const [slow, fast] = [contact(id('11', 1)), contact(id('11', 2))]
    table.onReply(slow, 0, 80)
    table.onReply(fast, 0, 8)
    table.onReply(contact(id('01', 3)), 0, 5)
    const newcomer = contact(id('10', 4))
    expect(table.onReply(newcomer, 0, 900)).toBe('added')
    expect([slow, fast, newcomer].map((one) => table.has(one))).toEqual([false, true, true])
    table.onTimeout(newcomer, 1)
    expect(table.onTimeout(newcomer, 1)).toBe(slow)
  })
})

test('in most of the network the table knows many: 128 of the other half, then 64, 32, and 16 of each further', () => {
  expect([0, 1, 2, 3, 4, 30].map(wideCapacityAt)).toEqual([128, 64, 32, 16, 16, 16])
  expect([128, 16, 8, 1].map(slotBits)).toEqual([7, 4, 3, 0])
  const { book, contact } = world()
  const table = new RoutingTable({ ownId, book })
  for (let i = 0; i < 512; i++) table.onReply(contact(id((i + 512).toString(2).slice(1), 1)), 0, 5)
  const sizes = Array.from({ length: table.depth }, () => 0)
  for (const one of table.contacts()) sizes[table.bucketIndexOf(one)]!++
  expect(sizes.slice(0, 6)).toEqual([128, 64, 32, 16, 16, 8])
})

describe('tables that share their memory', () => {
  test('hold the same as those that have one of their own, also in places that another one has left', () => {
    const { book, contact } = world()
    const memory = new BucketMemory(book)
    const ids = [id('0', 1), id('1', 1)]
    const contacts = Array.from({ length: 200 }, (_, i) => contact(id((i + 256).toString(2).slice(1), 2)))
    const shown = (tables: readonly RoutingTable[]): Contact[][] =>
      tables.map((table) => [...table.contacts(), ...table.heardLast(200)])
    const fill = (tables: readonly RoutingTable[], from: number): void => {
      for (const [at, one] of contacts.slice(from).entries())
        for (const table of tables) table.onReply(one, 1_000 * at, at)
    }
    const alone = ids.map((own) => new RoutingTable({ ownId: own, book }))
    const together = ids.map((own) => new RoutingTable({ ownId: own, book, memory }))
    for (const tables of [alone, together]) {
      fill(tables, 0)
      tables[0]!.clear()
      fill(tables.slice(0, 1), 50)
    }
    expect(shown(together)).toEqual(shown(alone))
    for (const table of [...alone, ...together]) table.close()
    for (const one of contacts) book.release(one)
    expect(book.size).toBe(0)
  })

  test('give the places of a bucket back when it is closed', () => {
    const memory = new BucketMemory(new ContactBook(4))
    const wide = memory.open(128)
    const small = memory.open(16)
    memory.close(wide)
    expect(memory.open(16)).not.toBe(small)
    expect(memory.open(128)).toBe(wide)
  })
})

type Step =
  | { readonly kind: 'reply' | 'request' | 'timeout' | 'wrongId'; readonly node: number }
  | { readonly kind: 'wait'; readonly ms: number }

test('whatever happens, the table keeps its rules and finds the same as looking at everybody', () => {
  const node = fc.nat(60)
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('reply' as const), node }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('request' as const, 'timeout' as const, 'wrongId' as const),
        node,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(20 * 60_000) }) },
  )
  // Few leading bits vary, so that buckets fill up and split.
  const idBytes = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => {
    bytes[0]! &= 0x0f
    return bytes as NodeId
  })
  const ids = fc.uniqueArray(idBytes, {
    minLength: 61,
    maxLength: 61,
    selector: (bytes) => bytes.join(),
  })
  fc.assert(
    fc.property(ids, fc.array(step, { maxLength: 200 }), idBytes, (nodeIds, steps, target) => {
      const book = new ContactBook(4)
      const members = new Set<Contact>()
      const table = new RoutingTable({
        ownId,
        book,
        observer: {
          onChange: (contact, change) =>
            void (change === 'added' ? members.add(contact) : members.delete(contact)),
        },
      })
      const contacts = nodeIds.map((nodeId, i) => {
        // Some share an endpoint, so that ids change; some share an id, so that they move; the last one is ourselves.
        if (i === 60) return book.intern(ownId, { host: '10.0.1.60', port: 20_000 })
        if (i >= 55) return book.intern(nodeIds[i - 55]!, { host: `10.0.1.${i}`, port: 20_000 })
        return book.intern(nodeId, { host: `10.0.0.${i % 50}`, port: 20_000 })
      })
      const verified = new Set<Contact>()
      let now = 0
      for (const one of steps) {
        if (one.kind === 'wait') now += one.ms
        else if (one.kind === 'reply') {
          verified.add(contacts[one.node]!)
          table.onReply(contacts[one.node]!, now, 5)
        } else if (one.kind === 'request') table.onRequest(contacts[one.node]!, now)
        else if (one.kind === 'wrongId') table.onWrongId(contacts[one.node]!)
        else {
          const replacement = table.onTimeout(contacts[one.node]!, 1)
          if (replacement !== NONE) book.release(replacement)
        }
      }
      for (const contact of contacts)
        if (!table.has(contact)) expect(table.hasRoomAt(book.id(contact), 0)).toBe(table.hasRoomFor(contact))
      const all = [...table.contacts()]
      expect(new Set(all)).toEqual(members)
      expect(table.size).toBe(all.length)
      expect(all.filter((contact) => !verified.has(contact))).toEqual([])
      expect(new Set(all.map((contact) => toHex(book.id(contact)))).size).toBe(all.length)
      expect(all.filter((contact) => book.hasId(contact, ownId))).toEqual([])
      expect(new Set(all.map((contact) => book.endpoint(contact).host)).size).toBe(all.length)
      for (let bucket = 0; bucket < table.depth; bucket++)
        expect(all.filter((contact) => table.bucketIndexOf(contact) === bucket).length).toBeLessThanOrEqual(
          wideCapacityAt(bucket),
        )

      const nearest = all.sort((a, b) => compareDistance(book.id(a), book.id(b), target))
      for (const count of [1, 8, 20]) expect(table.closest(target, count)).toEqual(nearest.slice(0, count))
      const named = table.closestGood(target, all.length, now, () => true)
      const isWanted = (contact: Contact): boolean => contact % 3 !== 0
      expect(table.closestGood(target, 8, now, isWanted)).toEqual(named.filter(isWanted).slice(0, 8))

      table.clear()
      for (const contact of contacts) book.release(contact)
      expect(book.size).toBe(0)
    }),
    { numRuns: 150 },
  )
})
