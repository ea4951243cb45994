import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_RPCS } from '../../../src/dht/lookup/lookup-room.ts'
import type { LookupEntry } from '../../../src/dht/lookup/lookup-entry.ts'
import { lookup, type NumberedLookup } from './numbered-nodes.ts'

describe('a walk begins with four', () => {
  test('who are fast among the near ones: a step leads four bits nearer, so a bit is worth a quarter of a round trip', () => {
    const { walk, hear, ask, distances, know } = lookup()
    // The median is 100 ms, a bit 25: as good as the nearest is one at eight times its distance that answers 75 ms sooner.
    know(1_000, 100)
    know(4_000, 60)
    know(4_001, 40)
    know(8_000, 24)
    know(8_001, 26)
    know(16_000, 100)
    know(60_000, 10)
    know(60_001, 150)
    know(60_002, 200)
    know(60_003, 250)
    know(60_004, 300)
    const asked = ask()
    expect(distances(asked)).toEqual([4_001, 8_000, 1_000, 8_001])
    walk.onSoftTimeout(asked[0]!)
    expect(distances(ask())).toEqual([4_000])
    walk.onReply(asked[1]!, undefined)
    hear([0], asked[1])
    expect(distances(ask())).toEqual([0, 16_000])
  })

  test('who are fast, then who are near, where few were measured', () => {
    const { ask, distances, know } = lookup()
    know(1_000, 100)
    know(2_000, Number.POSITIVE_INFINITY)
    know(4_000, Number.POSITIVE_INFINITY)
    know(8_000, 30)
    know(8_001, Number.POSITIVE_INFINITY)
    expect(distances(ask())).toEqual([1_000, 8_000, 2_000, 4_000])
  })

  test('who are nearest, where nobody was measured', () => {
    const { ask, distances, know } = lookup()
    for (const distance of [5, 4, 3, 2, 1]) know(distance, Number.POSITIVE_INFINITY)
    expect(distances(ask())).toEqual([1, 2, 3, 4])
  })

  test('who count, however fast the others are', () => {
    const made: NumberedLookup = lookup({ counts: (contact) => made.book.id(contact)[1]! !== 1 })
    const { ask, distances, know } = made
    know(1, 1)
    for (const distance of [20, 30, 40]) know(distance, 50)
    expect(distances(ask())).toEqual([20, 30, 40, 1])
  })
})

test('after the first answer the nearest are asked, five at once, and nobody beyond the eight nearest', () => {
  const { walk, hear, ask, distances } = lookup()
  hear([100])
  const [first] = ask()
  walk.onReply(first!, undefined)
  hear([10, 11, 12, 13, 14, 15, 16, 17, 18, 19], first)
  const asked = ask()
  expect(distances(asked)).toEqual([10, 11, 12, 13, 14])
  walk.onReply(asked[4]!, undefined)
  expect(distances(ask())).toEqual([15])
  for (const entry of asked.slice(1, 4)) walk.onReply(entry, undefined)
  expect(distances(ask())).toEqual([16, 17])
  walk.onFail(asked[0]!)
  expect(distances(ask())).toEqual([18])
})

test('on the way four are asked at once; five, when one is known who may be of the twenty nearest', () => {
  // Of 10,000 nodes, twenty lie within 131 of these.
  const { walk, hear, ask, distances } = lookup({ networkSize: 10_000 })
  hear([30_000])
  const [first] = ask()
  walk.onReply(first!, undefined)
  hear([1_000, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006, 1_007], first)
  const second = ask()
  expect(distances(second)).toEqual([1_000, 1_001, 1_002, 1_003])
  walk.onReply(second[3]!, undefined)
  hear([132, 140, 150, 160, 170, 180], second[3])
  expect(distances(ask())).toEqual([132, 140, 150, 160])
  walk.onReply(second[0]!, undefined)
  hear([131, 133, 134, 135, 136], second[0])
  expect(distances(ask())).toEqual([131, 133, 134, 135])
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

  test('does not hold up a fast walk in which half of the nearest have answered', () => {
    const { walk, hear, ask } = lookup()
    hear([1, 2, 3, 4, 5, 6, 7, 8])
    const asked = ask()
    for (const entry of asked) walk.onReply(entry, undefined)
    const rest = ask()
    expect(rest).toHaveLength(4)
    for (const entry of rest) walk.onSoftTimeout(entry)
    expect(walk.isFinished).toBe(true)
  })

  test('holds up a careful one until it has failed, and is replaced then', () => {
    const { walk, hear, ask, distances } = lookup({ isCareful: true })
    hear([1, 2, 3, 4, 5, 6, 7, 8, 9])
    const [silent, ...others] = [...ask()]
    for (const entry of others) walk.onReply(entry, undefined)
    for (const entry of ask()) walk.onReply(entry, undefined)
    while (walk.onSoftTimeout(silent!));
    expect(walk.isFinished).toBe(false)
    const [next] = ask()
    expect(distances([next!])).toEqual([9])
    walk.onReply(next!, undefined)
    expect(walk.isFinished).toBe(true)
  })

  test('is asked four times by a careful walk: one of five datagrams may get lost, each way', () => {
    const { walk, hear, ask } = lookup({ isCareful: true })
    hear([1])
    const [only] = ask()
    expect(Array.from({ length: 4 }, () => walk.onSoftTimeout(only!))).toEqual([true, true, true, false])
    expect(walk.rpcs).toBe(4)
  })

  test('that a single node named is asked twice, until a second one names it', () => {
    const { walk, hear, ask } = lookup({ isCareful: true })
    hear([100, 200])
    const [one, other] = ask()
    walk.onReply(one!, undefined)
    walk.onReply(other!, undefined)
    hear([1], one)
    hear([2], one)
    hear([2], other)
    const [named, confirmed] = ask()
    expect(Array.from({ length: 4 }, () => walk.onSoftTimeout(named!))).toEqual([true, false, false, false])
    expect(Array.from({ length: 4 }, () => walk.onSoftTimeout(confirmed!))).toEqual([true, true, true, false])
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

test('one endpoint under many ids is asked under one of them', () => {
  const { hear, ask } = lookup()
  hear([1, 2, 3, 4, 5, 6], undefined, '10.9.9.9')
  expect(ask()).toHaveLength(1)
})

test('nobody may name more nodes beside the target than chance puts there, in whatever order', () => {
  // Of 1,000 nodes, the usual distance between two is 65 of these.
  const { walk, hear, ask, distances } = lookup({ networkSize: 1_000 })
  hear([5_000, 6_000])
  const [liar, honest] = ask()
  walk.onReply(liar!, undefined)
  hear([8, 7, 6, 5, 4, 3, 2, 1], liar)
  walk.onReply(honest!, undefined)
  const usual = [100, 200, 300, 400, 500, 600]
  hear(usual, honest)
  expect(distances(ask())).toEqual([7, 8, 100, 200, 300])
})

test('a long walk goes on to nearer ones with every request that it has, and still knows whom it has asked', () => {
  const { walk, hear, ask, distances } = lookup({ isWary: false })
  hear([60_000])
  const all: LookupEntry[] = []
  let asked = ask()
  // Each answer leads one step of hundreds nearer, and names others that are far away.
  let nearest = 60_000
  while (asked.length > 0) {
    all.push(...asked)
    for (const entry of asked) {
      walk.onReply(entry, undefined)
      hear([(nearest -= 500), 61_000 + nearest / 500, 60_000], entry)
    }
    asked = ask()
  }
  expect(all).toHaveLength(MAX_RPCS)
  expect(distances(walk.closestAnswered(1))).toEqual([60_000 - 500 * (MAX_RPCS - 1)])
  expect(all.map(({ contact }) => walk.entryOf(contact))).toEqual(all)
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
        const { walk, book, hear, ask } = lookup({ isCareful })
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
