import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BucketMemory } from '../../../src/dht/table/bucket-memory.ts'
import { ContactBook, NONE, type Contact } from '../../../src/dht/table/contact.ts'
import { RoutingTable } from '../../../src/dht/table/routing-table.ts'
import type { NodeId } from '../../../src/protocol/ids.ts'

/** An id that begins with these bits, the rest zero. */
function id(bits: string): NodeId {
  const bytes = new Uint8Array(20)
  for (let i = 0; i < bits.length; i++) if (bits[i] === '1') bytes[i >>> 3]! |= 0x80 >>> (i & 7)
  return bytes as NodeId
}

const ownId = id('')
const HOUR = 60 * 60_000

function world() {
  const book = new ContactBook(4)
  let nextHost = 1
  const contact = (nodeId: NodeId): Contact =>
    book.intern(nodeId, { host: `10.0.0.${nextHost++}`, port: 20_000 })
  return { book, contact }
}

/** Looks at all members each time. */
class WithoutNotes extends BucketMemory {
  override oldest(): number {
    return Number.NEGATIVE_INFINITY
  }

  override newest(): number {
    return Number.NEGATIVE_INFINITY
  }
}

test('what is noted of when members were heard of changes nothing but how many are looked at', () => {
  const step = fc.record({
    kind: fc.constantFrom(
      'reply',
      'reply',
      'reply',
      'adopt',
      'request',
      'timeout',
      'wrongId',
      'forget',
      'look',
    ),
    node: fc.nat(31),
    wait: fc.oneof(fc.constant(0), fc.nat(5 * 60_000)),
    ms: fc.nat(60 * 60_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { book, contact } = world()
      // Half of them differ from us in the first bit, and as many are near.
      const contacts = Array.from({ length: 32 }, (_, i) =>
        contact(id(`${i % 2 === 0 ? '1' : '00'}${(i + 32).toString(2).slice(1)}`)),
      )
      const tables = [new BucketMemory(book), new WithoutNotes(book)].map(
        (memory) => new RoutingTable({ ownId, book, memory, capacityAt: () => 16 }),
      )
      let now = 0
      for (const { kind, node, wait, ms } of steps) {
        now += wait
        const [first, second] = tables.map((table) => {
          const one = contacts[node]!
          if (kind === 'reply') return table.onReply(one, now, 5)
          if (kind === 'adopt') return table.has(one) ? undefined : table.onReply(one, now - ms, 5)
          if (kind === 'request') return table.onRequest(one, now)
          if (kind === 'wrongId') return table.onWrongId(one)
          if (kind === 'timeout') {
            const replacement = table.onTimeout(one, 2)
            if (replacement !== NONE) book.release(replacement)
            return replacement
          }
          if (kind === 'look') return table.nextRefresh({ near: ms, far: 9 * 60_000 })
          table.forgetSurplus(ms / 2)
          return table.contacts()
        })
        expect(first).toEqual(second)
      }
    }),
    { numRuns: 300 },
  )
})

describe('what is noted of when members were heard of', () => {
  const nearAndFar = () => {
    const { book, contact } = world()
    const table = new RoutingTable({ ownId, book, capacityAt: () => 32 })
    // Near ones, so that the bucket of those who differ from us in the first bit is far away.
    for (let i = 0; i < 20; i++) table.onReply(contact(id(`00${(i + 32).toString(2).slice(1)}`)), 5 * HOUR, 5)
    expect(table.depth).toBeGreaterThan(2)
    const fars = Array.from({ length: 16 }, (_, i) => contact(id(`1${(i + 16).toString(2).slice(1)}`)))
    const far = (i: number): Contact => fars[i]!
    return { table, far }
  }

  test('does not outlive who it was noted of: the one heard of before it is asked', () => {
    const { table, far } = nearAndFar()
    table.onReply(far(1), 2 * HOUR, 5)
    table.onReply(far(2), 3 * HOUR, 5)
    const look = () => table.nextRefresh({ near: 7.5 * HOUR, far: 10 * HOUR })
    expect(look().at).toBe(12.5 * HOUR)
    table.onWrongId(far(2))
    expect(look()).toEqual({ contact: far(1), at: 12 * HOUR })
  })

  test('is not believed of one who comes with an older time: it is forgotten', () => {
    const { table, far } = nearAndFar()
    for (let i = 0; i < 12; i++) expect(table.onReply(far(i), 10 * HOUR, 5)).toBe('added')
    table.forgetSurplus(HOUR)
    table.onReply(far(12), 2 * HOUR, 5)
    table.forgetSurplus(HOUR)
    expect(table.has(far(12))).toBe(false)
    expect(table.has(far(11))).toBe(true)
  })
})
