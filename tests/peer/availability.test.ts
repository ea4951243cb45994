/** Buckets of pieces by how many sources have them, compared with counting from scratch each time. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { Availability } from '../../src/peer/availability.ts'
import { RarestFirst } from '../../src/peer/rarest-first.ts'
import { SourceQueue } from '../../src/peer/source-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { bits, TestSource } from './fixtures.ts'

/** The wanted pieces of each bucket that has any, rarest first; each once, though it may be entered twice. */
function bucketsOf(availability: Availability): [count: number, pieces: number[]][] {
  availability.settle()
  const buckets: [number, number[]][] = []
  for (let bucket = 0; availability.reaches(bucket); bucket++) {
    const pieces: number[] = []
    const looks = availability.sizeOf(bucket)
    availability.scan(bucket, { has: () => true }, { from: 0, looks, most: Infinity }, pieces)
    if (pieces.length > 0) buckets.push([bucket, [...new Set(pieces)].toSorted((a, b) => a - b)])
  }
  return buckets
}

describe('the buckets', () => {
  const PIECES = 37
  const picture = fc.array(fc.boolean(), { minLength: PIECES, maxLength: PIECES })
  const few = fc.uniqueArray(fc.nat(PIECES - 1), { maxLength: 2 })
  const step = fc.oneof(
    fc.record({ do: fc.constant('join' as const), has: picture }),
    fc.record({ do: fc.constant('joinWithFew' as const), pieces: few }),
    fc.record({ do: fc.constant('leave' as const), who: fc.nat(20) }),
    fc.record({ do: fc.constant('have' as const), who: fc.nat(20), piece: fc.nat(PIECES - 1) }),
    fc.record({ do: fc.constantFrom('take' as const, 'giveBack' as const), piece: fc.nat(PIECES - 1) }),
  )

  test('the first that holds a piece is known, whatever is taken, given back and lost', () => {
    const wanted = bits('#'.repeat(PIECES))
    const availability = new Availability(wanted)
    const everything = Bitfield.full(PIECES)
    const one = new Bitfield(PIECES)
    one.set(7)
    for (let n = 0; n < 3; n++) availability.onSource(everything, 1)
    availability.settle()
    expect(availability.firstBucket).toBe(3)
    availability.onSource(one, -1)
    expect(availability.firstBucket).toBe(2)
    wanted.clear(7)
    expect(availability.firstBucket).toBe(3)
    wanted.set(7)
    availability.giveBack(7)
    expect(availability.firstBucket).toBe(2)
    availability.onSource(one, 1)
    expect(availability.firstBucket).toBe(3)
  })

  test('hold the rarest at first, and others when somebody gets so far', () => {
    const wanted = bits('#'.repeat(3 * PIECES))
    const availability = new Availability(wanted)
    const common = bits('.'.repeat(PIECES) + '#'.repeat(2 * PIECES))
    const most = bits('.'.repeat(2 * PIECES) + '#'.repeat(PIECES))
    for (const source of [common, most]) availability.onSource(source, 1)
    availability.settle()
    expect(availability.sizeOf(0)).toBe(PIECES)
    for (const bucket of [1, 2]) {
      expect(availability.reaches(bucket)).toBe(true)
      const found: number[] = []
      const looks = availability.sizeOf(bucket)
      availability.scan(bucket, { has: () => true }, { from: 0, looks, most: Infinity }, found)
      expect(found).toEqual(Array.from({ length: PIECES }, (_, place) => bucket * PIECES + place))
    }
    expect(availability.reaches(3)).toBe(false)
  })

  test('hold a piece that was counted while it was not wanted, and is given back', () => {
    const wanted = bits('.'.repeat(PIECES))
    const availability = new Availability(wanted)
    availability.onSource(bits(`#${'.'.repeat(PIECES - 1)}`), 1)
    expect(bucketsOf(availability)).toEqual([])
    wanted.set(0)
    availability.giveBack(0)
    availability.onSource(Bitfield.full(PIECES), 1)
    expect(bucketsOf(availability)).toEqual([[2, [0]]])
  })

  test('hold every wanted piece once, by its number of sources, whatever comes and goes', () => {
    fc.assert(
      fc.property(picture, fc.array(step, { maxLength: 80 }), fc.boolean(), (first, steps, looksOften) => {
        const wanted = bits(first.map((is) => (is ? '#' : '.')).join(''))
        const availability = new Availability(wanted)
        const sources: Bitfield[] = []
        const join = (pieces: readonly number[]): void => {
          const field = new Bitfield(PIECES)
          for (const piece of pieces) field.set(piece)
          sources.push(field)
          availability.onSource(field, 1)
        }
        const check = (): void => {
          const expected = new Map<number, number[]>()
          for (let piece = 0; piece < PIECES; piece++) {
            const count = sources.filter((source) => source.has(piece)).length
            expect(availability.countOf(piece)).toBe(count)
            if (wanted.has(piece)) expected.set(count, [...(expected.get(count) ?? []), piece])
          }
          const buckets = [...expected].toSorted(([a], [b]) => a - b)
          expect(bucketsOf(availability)).toEqual(buckets)
          const first = availability.firstBucket
          if (buckets.length > 0) expect(first).toBe(buckets[0]![0])
          else expect(availability.reaches(first)).toBe(false)
        }
        for (const each of steps) {
          const source = 'who' in each ? sources[each.who % Math.max(1, sources.length)] : undefined
          if (each.do === 'join') join(each.has.flatMap((has, piece) => (has ? [piece] : [])))
          else if (each.do === 'joinWithFew') join(each.pieces)
          else if (each.do === 'leave' && source) {
            sources.splice(sources.indexOf(source), 1)
            availability.onSource(source, -1)
          } else if (each.do === 'have' && source?.set(each.piece)) availability.onHave(each.piece)
          else if (each.do === 'take') wanted.clear(each.piece)
          else if (each.do === 'giveBack' && wanted.set(each.piece)) availability.giveBack(each.piece)
          // Looking settles what is stale: without it, changes come upon stale buckets.
          if (looksOften) check()
        }
        check()
      }),
      { numRuns: 500 },
    )
  })
})

interface Taking {
  readonly seed: number
  /** `#` is wanted. */
  readonly wanted?: string
  /** What the other source has. */
  readonly other?: string
}

describe('among equally rare pieces', () => {
  /** How often each of the pieces of a new source is the first to be taken. */
  function firsts(picture: string, isRanked: boolean): number[] {
    const counts = new Array<number>(picture.length).fill(0)
    for (let seed = 0; seed < 2_000; seed++) {
      const order = new RarestFirst(Bitfield.full(picture.length), new SeededRandom(seed), {
        isRanked,
        groupSize: 1,
      })
      const own = bits(picture)
      const queue = new SourceQueue(new TestSource(1, own), own, 0)
      order.addSource(queue)
      counts[order.choose(queue, 0)]!++
    }
    return counts
  }

  test.each([true, false])('each is as likely to be taken as any other (ranked: %s)', (isRanked) => {
    for (const count of firsts('#'.repeat(10), isRanked)) expect(Math.abs(count - 200)).toBeLessThan(60)
  })

  test('also of a source that has some of them: one behind a gap is hardly more likely', () => {
    const counts = firsts('#.##.###.#', true)
    for (const [piece, count] of counts.entries())
      if ('#.##.###.#'[piece] === '.') expect(count).toBe(0)
      else expect(Math.abs(count - 2_000 / 7)).toBeLessThan(75)
  })

  describe('which are small', () => {
    /** In which order a source is asked for the pieces that it has, of which some are rarer. */
    function taken({ seed, wanted = '#'.repeat(32), other = '.'.repeat(32) }: Taking): number[] {
      const missing = bits(wanted)
      const order = new RarestFirst(missing, new SeededRandom(seed), { isRanked: true, groupSize: 4 })
      const queues = [Bitfield.full(wanted.length), bits(other)].map(
        (own, index) => new SourceQueue(new TestSource(index + 1, own), own, 0),
      )
      for (const queue of queues) order.addSource(queue)
      const pieces: number[] = []
      for (let piece = order.choose(queues[0]!, 0); piece >= 0; piece = order.choose(queues[0]!, 0)) {
        missing.clear(piece)
        pieces.push(piece)
      }
      return pieces
    }

    test('groups are drawn, and each is taken from its first piece to its last', () => {
      const orders = new Set<string>()
      for (let seed = 0; seed < 20; seed++) {
        const pieces = taken({ seed })
        expect(pieces.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, piece) => piece))
        const groups = Array.from({ length: 8 }, (_, group) => pieces[4 * group]! / 4)
        expect(pieces).toEqual(groups.flatMap((group) => [0, 1, 2, 3].map((place) => 4 * group + place)))
        orders.add(groups.join())
      }
      expect(orders.size).toBe(20)
    })

    test('a group ends where a piece is not wanted, and where one is less rare', () => {
      for (let seed = 0; seed < 50; seed++) {
        const pieces = taken({ seed, wanted: '####.#######', other: '......####..' })
        const parts = [[0, 1, 2, 3].join(), '5', [10, 11].join()]
        expect(parts).toContain(pieces.slice(0, pieces[0] === 0 ? 4 : pieces[0] === 5 ? 1 : 2).join())
        expect(new Set(pieces.slice(0, 7))).toEqual(new Set([0, 1, 2, 3, 5, 10, 11]))
        expect(['6,7,8,9', '8,9,6,7']).toContain(pieces.slice(7).join())
      }
    })
  })

  test('which come next is drawn, too: two leechers that begin with the same piece part', () => {
    const taken = (seed: number): number[] => {
      const own = Bitfield.full(1_000)
      const wanted = own.clone()
      const order = new RarestFirst(wanted, new SeededRandom(seed), { isRanked: true, groupSize: 1 })
      const queue = new SourceQueue(new TestSource(1, own), own, 0)
      order.addSource(queue)
      return Array.from({ length: 100 }, () => {
        const piece = order.choose(queue, 0)
        wanted.clear(piece)
        return piece
      })
    }
    const [a, b] = [taken(1), new Set(taken(2))]
    // Ten is what chance gives.
    expect(a.filter((piece) => b.has(piece)).length).toBeLessThan(25)
    expect(new Set(a).size).toBe(100)
    expect(a).not.toEqual(a.toSorted((x, y) => x - y))
  })
})
