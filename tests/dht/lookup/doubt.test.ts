/** A walk looks twice at where it came to: a witness, doubt, and the region. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_RPCS } from '../../../src/dht/lookup/lookup-room.ts'
import type { LookupEntry } from '../../../src/dht/lookup/lookup-entry.ts'
import type { Contact } from '../../../src/dht/table/contact.ts'
import { lookup } from './numbered-nodes.ts'

describe('a walk that might have been led astray', () => {
  /** Of 1,000 nodes, the usual distance between two is 65 of these. */
  const NODES = 1_000
  const NEAREST = [70, 140, 200, 260, 330, 400, 460, 530]
  /** Nearer together than is likely, and still usual. */
  const CLOSE = [30, 60, 90, 120, 150, 180, 210, 240]
  const others = (names: readonly number[], own: number): number[] => names.filter((name) => name !== own)

  /** Two contacts of ours, one of which leads to where the other never was; the rest name whom `namedBy` says. */
  function walkTo(
    namedBy: (distance: number) => readonly number[],
    {
      nodes = NODES,
      isWary = true,
      isCareful = false,
      counts = () => true,
    }: {
      nodes?: number
      isWary?: boolean
      isCareful?: boolean
      counts?: (distance: number) => boolean
    } = {},
  ) {
    const countsAt = (contact: Contact): boolean => {
      const id = made.book.id(contact)
      return counts((id[0]! << 8) | id[1]!)
    }
    const made = lookup({ counts: countsAt, networkSize: nodes, isWary, isCareful })
    const { walk, hear, ask, distances } = made
    hear([9_000, 20_000])
    const goOn = (): number[] => {
      const asked: number[] = []
      for (let open = ask(); open.length > 0; open = ask())
        for (const entry of open) {
          const [distance] = distances([entry])
          asked.push(distance!)
          walk.onReply(entry, 'token')
          hear(namedBy(distance!), entry)
        }
      return asked
    }
    return { walk, goOn, ask, hear, distances }
  }

  test('asks one more, the nearest whom none of the eight has named, and waits for what it says', () => {
    const { walk, hear, ask, distances } = lookup({ networkSize: NODES, isCareful: true })
    hear([9_000, 20_000])
    const [one, other] = ask()
    walk.onReply(one!, undefined)
    hear(NEAREST, one)
    walk.onReply(other!, undefined)
    hear([1_500, 1_400], other)
    const asked: LookupEntry[] = []
    for (let open = ask(); open.length > 0; open = ask())
      for (const entry of open) {
        asked.push(entry)
        if (distances([entry])[0] === 1_400) continue
        walk.onReply(entry, 'token')
        hear(others(NEAREST, distances([entry])[0]!), entry)
      }
    expect(distances(asked)).toHaveLength(9)
    expect(distances(asked)).toContain(1_400)
    expect(walk.isFinished).toBe(false)
    // It knows a nearer node that all the others have concealed.
    const witness = asked.find((entry) => distances([entry])[0] === 1_400)!
    walk.onReply(witness, 'token')
    hear([30], witness)
    expect(distances(ask())).toEqual([30])
  })

  test('asks nobody in vain: a witness may have lost its place to nearer nodes while there was no room for its request', () => {
    const { walk, hear, distances } = lookup({ networkSize: NODES, isCareful: true })
    hear([...NEAREST, 60_000])
    const nearest = NEAREST.map(() => {
      const entry = walk.next()!
      walk.onAsked(entry)
      walk.onReply(entry, 'token')
      return entry
    })
    const witness = walk.next()!
    expect(distances([...nearest, witness])).toEqual([...NEAREST, 60_000])
    hear(
      Array.from({ length: MAX_RPCS }, (_, at) => 1_000 + 100 * at),
      nearest[0],
    )
    expect(walk.entryOf(witness.contact)).toBe(undefined)
    expect(walk.next()).not.toBe(witness)
  })

  test('asks three when it has found nothing', () => {
    const { walk, goOn } = walkTo((distance) =>
      distance === 20_000 ? [1_400, 1_500, 1_600, 1_700] : others(NEAREST, distance),
    )
    const asked = goOn()
    expect(asked).toEqual(expect.arrayContaining([1_400, 1_500, 1_600]))
    expect(asked).not.toContain(1_700)
    expect([walk.isFinished, walk.doubt()]).toEqual([true, false])
  })

  test('asks nobody for it whom one of the eight has named, nor whom somebody named who named the dead', () => {
    const DEAD = [80, 90, 100]
    const { walk, hear, ask, distances } = lookup({ networkSize: NODES, isCareful: true })
    hear([9_000, 20_000])
    const [one, other] = ask()
    walk.onReply(one!, undefined)
    hear([...NEAREST, 1_300, 1_500], one)
    walk.onReply(other!, undefined)
    hear([...DEAD, 1_400], other)
    const asked: number[] = []
    for (let open = ask(); open.length > 0; open = ask())
      for (const entry of open) {
        const [distance] = distances([entry])
        asked.push(distance!)
        if (DEAD.includes(distance!)) walk.onFail(entry)
        else walk.onReply(entry, 'token')
        if (NEAREST.includes(distance!)) hear([...others(NEAREST, distance!), 1_300], entry)
      }
    expect(asked).toHaveLength(8 + 3 + 1)
    expect(asked).toContain(1_500)
  })

  test('asks a witness later for whose question there was no room', () => {
    const { walk, hear, ask, distances } = lookup({ networkSize: NODES, isCareful: true })
    hear([...NEAREST, 1_400, 1_500])
    for (let at = 0; at < NEAREST.length; at++) {
      const entry = walk.next()!
      walk.onAsked(entry)
      walk.onReply(entry, 'token')
      hear(others(NEAREST, NEAREST[at]!), entry)
    }
    expect(distances([walk.next()!])).toEqual([1_400])
    expect(distances(ask())).toEqual([1_400])
    expect(walk.isFinished).toBe(false)
  })

  describe('when it has found peers', () => {
    const SPARSE = [70, 200, 400, 530, 660, 780, 860, 930]

    /** Whether a walk that ends at `nearest` asks the one whom none of them names. */
    function asksWitness(
      nearest: readonly number[],
      { hasPeers = true, isCareful = false }: { hasPeers?: boolean; isCareful?: boolean } = {},
    ): boolean {
      const { walk, goOn } = walkTo(
        (distance) => (distance === 20_000 ? [1_400] : others(nearest, distance)),
        { isCareful },
      )
      if (hasPeers) walk.onPeers()
      const asked = goOn()
      expect(walk.isFinished).toBe(true)
      return asked.includes(1_400)
    }

    test('asks no witness, as long as the eight lie as chance would have it', () => {
      expect(asksWitness(NEAREST)).toBe(false)
      expect(asksWitness(NEAREST, { hasPeers: false })).toBe(true)
    })

    test('asks one when they lie nearer together than is likely, or so far apart that nearer ones may be hidden', () => {
      expect(asksWitness(CLOSE)).toBe(true)
      expect(asksWitness(SPARSE)).toBe(true)
      // Fourteen nodes are usual within 917, and the farthest of the eight decides.
      expect(asksWitness([...SPARSE.slice(0, 7), 900])).toBe(false)
    })

    test('asks one before it stores', () => {
      expect(asksWitness(NEAREST, { isCareful: true })).toBe(true)
    })
  })

  describe('a witness who names', () => {
    const OTHERS = [600, 700, 800, 900, 1_000, 1_100, 1_200, 1_250]

    test.each([
      [
        'three of the eight is believed, and so are they',
        CLOSE,
        [...CLOSE.slice(0, 3), ...OTHERS.slice(0, 5)],
        false,
      ],
      ['others is not, as he may have just come', NEAREST, OTHERS, false],
      ['others in place of eight that are nearer than is likely is', CLOSE, OTHERS, true],
      ['others in place of most of such is, too', CLOSE, [30, 60, ...OTHERS.slice(0, 6)], true],
    ])('%s', (_, nearest, names, isInDoubt) => {
      const { walk, goOn } = walkTo(
        (distance) => {
          if (distance === 20_000) return [1_400]
          return distance === 1_400 ? names : others(nearest, distance)
        },
        { isCareful: true },
      )
      expect(goOn()).toContain(1_400)
      expect(walk.isFinished).toBe(true)
      expect(walk.doubt()).toBe(isInDoubt)
      if (isInDoubt) expect(goOn()).toEqual(expect.arrayContaining([600, 700, 1_100]))
    })
  })

  test('does not wait for a witness who is late, nor takes his silence for an answer', () => {
    const { walk, hear, ask, distances } = lookup({ networkSize: NODES })
    hear([...CLOSE, 1_400])
    const asked: LookupEntry[] = []
    for (let open = ask(); open.length > 0; open = ask())
      for (const entry of open) {
        asked.push(entry)
        if (distances([entry])[0] === 1_400) continue
        walk.onReply(entry, 'token')
        hear(others(CLOSE, distances([entry])[0]!), entry)
      }
    expect(walk.isFinished).toBe(false)
    walk.onSoftTimeout(asked.find((entry) => distances([entry])[0] === 1_400)!)
    expect(walk.isFinished).toBe(true)
    expect(walk.doubt()).toBe(false)
  })

  test('believes eight that name each other, and ends', () => {
    const { walk, goOn } = walkTo((distance) => (distance === 20_000 ? [1_400] : others(NEAREST, distance)))
    expect(goOn()).toHaveLength(2 + 8 + 1)
    expect(walk.isFinished).toBe(true)
    expect([walk.doubt(), walk.isInDoubt]).toEqual([false, false])
  })

  test('asks the whole region when two kinds of nodes there have never heard of each other', () => {
    const liars = [65, 135, 205, 275, 345, 415, 485, 555]
    const honest = [90, 400, 600, 700, 800, 900, 1_000, 1_100]
    const { walk, goOn } = walkTo((distance) => {
      if (distance === 20_000) return [90, 400, 600, 1_250, 1_350]
      return others(distance === 9_000 || liars.includes(distance) ? liars : honest, distance)
    })
    const before = goOn()
    expect(before).not.toContain(800)
    expect(walk.isFinished).toBe(true)
    expect([walk.doubt(), walk.isInDoubt]).toEqual([true, true])
    expect(walk.isFinished).toBe(false)
    const after = goOn()
    // Twenty nodes are expected within 1,311.
    expect([...before, ...after]).toEqual(expect.arrayContaining([...honest, 1_250]))
    expect(after).not.toContain(1_350)
    expect(walk.isFinished).toBe(true)
    // Once is enough.
    expect(walk.doubt()).toBe(false)
    expect(walk.rpcs).toBe(before.length + after.length)
  })

  test('does not, where it only gets to know others', () => {
    const { walk, goOn } = walkTo((distance) => (distance === 20_000 ? [1_400] : [1, 2, 3, ...NEAREST]), {
      isWary: false,
    })
    expect(goOn()).not.toContain(1_400)
    expect([walk.isFinished, walk.doubt()]).toEqual([true, false])
  })

  test('does not ask those in the region whose ids do not count', () => {
    const { walk, goOn } = walkTo(
      (distance) => {
        if (distance === 20_000) return [700, 800, 900, 1_400]
        return distance === 9_000 ? [1, 2, 3, ...NEAREST] : others(NEAREST, distance)
      },
      { counts: (distance) => distance !== 900 },
    )
    const before = goOn()
    expect(walk.doubt()).toBe(true)
    const asked = [...before, ...goOn()]
    expect(asked).toContain(800)
    expect(asked).not.toContain(900)
  })

  test('doubts eight that are nearer together than chance puts one target in a hundred', () => {
    const close = (spacing: number): readonly number[] => NEAREST.map((_, at) => (at + 1) * spacing)
    const arrived = (nearest: readonly number[], nodes: number): boolean => {
      const { walk, goOn } = walkTo(
        (distance) => (distance === 20_000 ? [1_400] : others(nearest, distance)),
        { nodes },
      )
      goOn()
      expect(walk.isFinished).toBe(true)
      return walk.doubt()
    }
    expect(arrived(close(15), NODES)).toBe(true)
    expect(arrived(close(20), NODES)).toBe(false)
    // In a small network everybody knows everybody: nothing is odd, and nobody else is asked.
    expect(arrived(close(15), 99)).toBe(false)
  })

  test('doubts whom it had to refuse somebody for', () => {
    const { walk, goOn } = walkTo((distance) => {
      if (distance === 20_000) return [1_400]
      return distance === 9_000 ? [1, 2, 3, ...NEAREST] : others(NEAREST, distance)
    })
    goOn()
    expect(walk.doubt()).toBe(true)
  })

  test('however many names it gets, it ends within its budget', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(3_000), { maxLength: 16 }), { minLength: 1, maxLength: 90 }),
        (lists) => {
          let at = 0
          const { walk, goOn } = walkTo(() => lists[at++ % lists.length]!)
          goOn()
          if (walk.isFinished && walk.doubt()) goOn()
          expect(walk.isFinished).toBe(true)
          expect(walk.rpcs).toBeLessThanOrEqual(MAX_RPCS)
        },
      ),
      { numRuns: 100 },
    )
  })
})
