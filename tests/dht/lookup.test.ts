import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContactBook, type Contact } from '../../src/dht/contact.ts'
import { Lookup, MAX_RPCS, type LookupEntry } from '../../src/dht/lookup.ts'
import type { NodeId } from '../../src/protocol/ids.ts'

const target = new Uint8Array(20)

/** A lookup whose nodes are named by their distance to the target. */
function lookup(isCareful = false, counts: (contact: Contact) => boolean = () => true) {
  const book = new ContactBook(4)
  const walk = new Lookup({ target, book, isCareful, counts })
  const contact = (distance: number, host = `10.0.${distance >>> 8}.${distance & 255}`) => {
    const id = new Uint8Array(20) as NodeId
    id[0] = distance >>> 8
    id[1] = distance & 255
    return book.intern(id, { host, port: 20_000 })
  }
  const distanceOf = (entry: LookupEntry): number => {
    const id = book.id(entry.contact)
    return (id[0]! << 8) | id[1]!
  }
  return {
    walk,
    book,
    hear: (distances: readonly number[], by?: LookupEntry, host?: string) => {
      for (const distance of distances) {
        const one = contact(distance, host)
        walk.onHeard(one, by)
        book.release(one)
      }
    },
    /** Asks all that may be asked now. */
    ask: (): LookupEntry[] => {
      const asked: LookupEntry[] = []
      for (let next = walk.next(); next !== undefined; next = walk.next()) {
        walk.onAsked(next)
        asked.push(next)
      }
      return asked
    },
    distances: (entries: readonly LookupEntry[]) => entries.map(distanceOf),
  }
}

test('the four nearest are asked first, and each answer lets one more be asked', () => {
  const { walk, hear, ask, distances } = lookup()
  hear([9, 3, 7, 1, 5, 8])
  const asked = ask()
  expect(distances(asked)).toEqual([1, 3, 5, 7])
  walk.onReply(asked[0]!, undefined)
  expect(distances(ask())).toEqual([8])
})

test('it is over when the eight nearest have answered, whoever is farther', () => {
  const { walk, hear, ask } = lookup()
  hear(Array.from({ length: 20 }, (_, i) => i + 1))
  let answered = 0
  while (!walk.isFinished) for (const entry of ask()) if (++answered) walk.onReply(entry, undefined)
  expect(answered).toBeLessThanOrEqual(8 + 3)
  expect(walk.closestAnswered(8)).toHaveLength(8)
})

test('hops are counted: one to those that we knew, and one for each referral', () => {
  const { walk, hear, ask } = lookup()
  hear([50])
  expect(walk.hops).toBe(0)
  const [first] = ask()
  walk.onReply(first!, undefined)
  hear([10], first)
  const [second] = ask()
  walk.onReply(second!, undefined)
  expect(walk.hops).toBe(2)
})

describe('a silent node', () => {
  test('frees its slot at once in a fast walk, and still counts when it answers late', () => {
    const { walk, hear, ask, distances } = lookup()
    hear([1, 2, 3, 4, 5])
    const [nearest] = ask()
    expect(walk.onSoftTimeout(nearest!)).toBe(false)
    expect(distances(ask())).toEqual([5])
    walk.onReply(nearest!, 'token')
    expect(distances(walk.closestAnswered(8))).toEqual([1])
  })

  test('is asked three times by a careful walk', () => {
    const { walk, hear, ask } = lookup(true)
    hear([1])
    const [only] = ask()
    expect([walk.onSoftTimeout(only!), walk.onSoftTimeout(only!), walk.onSoftTimeout(only!)]).toEqual([
      true,
      true,
      false,
    ])
    expect(walk.rpcs).toBe(3)
  })

  test('is waited for when there are not enough others', () => {
    const { walk, hear, ask } = lookup()
    hear([1])
    const [only] = ask()
    walk.onSoftTimeout(only!)
    expect(walk.isFinished).toBe(false)
    walk.onFail(only!)
    expect(walk.isFinished).toBe(true)
  })
})

test('who named three dead nodes is not believed any more', () => {
  const { walk, hear, ask, distances } = lookup()
  hear([100, 200])
  const [liar, honest] = ask()
  walk.onReply(liar!, undefined)
  walk.onReply(honest!, undefined)
  hear([1, 2, 3, 4, 5, 6], liar)
  hear([50], honest)
  for (const entry of ask().slice(0, 3)) walk.onFail(entry)
  expect(distances(ask())).toEqual([50])
})

test('one endpoint under many ids is asked twice at most', () => {
  const { hear, ask } = lookup()
  hear([1, 2, 3, 4, 5, 6], undefined, '10.9.9.9')
  expect(ask()).toHaveLength(2)
})

test('whatever the others do, it ends within its budget and keeps nobody', () => {
  const reaction = fc.record({
    kind: fc.constantFrom('reply', 'soft', 'fail'),
    names: fc.array(fc.nat(65_535), { maxLength: 8 }),
  })
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(reaction, { minLength: 1, maxLength: 400 }),
      (isCareful, reactions) => {
        const { walk, book, hear, ask } = lookup(isCareful)
        hear([40_000, 50_000, 60_000])
        const open: LookupEntry[] = []
        let at = 0
        // Nobody stays open for ever: the rpc layer fails every call in the end.
        while (!walk.isFinished && at < 2_000) {
          open.push(...ask())
          const entry = open[at % Math.max(1, open.length)]
          const { kind, names } = reactions[at++ % reactions.length]!
          if (entry === undefined) break
          if (kind === 'soft') {
            if (at > 1_000) walk.onFail(entry)
            else walk.onSoftTimeout(entry)
            if (at <= 1_000) continue
          } else if (kind === 'fail') walk.onFail(entry)
          else {
            walk.onReply(entry, undefined)
            hear(names, entry)
          }
          open.splice(open.indexOf(entry), 1)
        }
        expect(walk.isFinished).toBe(true)
        expect(walk.rpcs).toBeLessThanOrEqual(MAX_RPCS)
        walk.close()
        expect(book.size).toBe(0)
      },
    ),
    { numRuns: 60 },
  )
})
