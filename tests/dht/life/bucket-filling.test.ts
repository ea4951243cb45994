import { describe, expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { fillFarBuckets } from '../../../src/dht/life/bucket-filling.ts'
import type { Call, CallHandler, Question } from '../../../src/dht/lookup/rpc.ts'
import { ContactBook, type Contact } from '../../../src/dht/table/contact.ts'
import type { NodeId } from '../../../src/protocol/ids.ts'

/** Our id is all zeros, so that a bucket is the number of zero bits that an id begins with. */
const ownId = new Uint8Array(20) as NodeId

interface Asked {
  readonly contact: Contact
  readonly bucket: number
  readonly handler: CallHandler
}

interface Circumstances {
  /** Of the contacts, those through whom others join. */
  readonly seeds?: readonly number[]
  readonly clock?: SimClock
  /** Whether too much was asked lately. */
  readonly isBusy?: () => boolean
}

/** A table with so many contacts in each bucket, and what is asked because of it. */
function fill(
  members: number[],
  { seeds = [], clock = new SimClock(), isBusy = () => false }: Circumstances = {},
): Asked[] {
  const book = new ContactBook(4)
  const known = Array.from({ length: 8 }, (_, at) =>
    book.intern(new Uint8Array(20).fill(at) as NodeId, { host: `10.0.0.${at}`, port: 20_000 }),
  )
  const random = new SeededRandom(1)
  const asked: Asked[] = []
  fillFarBuckets({
    ownId,
    random,
    clock,
    table: {
      depth: members.length,
      hasEnough: (bucket) => members[bucket]! >= 8,
      closest: () => known,
    },
    rpc: {
      call: (question: Question, { contact }, handler) => {
        if (isBusy()) return undefined
        asked.push({ contact, bucket: leadingZeros(question), handler })
        return {} as Call
      },
    },
    neighbourhood: {
      calleeOf: (contact) => ({ to: book.endpoint(contact), profile: 'lan', contact, rto: 100 }),
      offerTold: () => {
        for (const one of asked) members[one.bucket] = 8
      },
    },
    isSeed: (contact) => seeds.includes(known.indexOf(contact)),
  })
  return asked
}

function leadingZeros(question: Question): number {
  if (!('target' in question) || question.target === undefined) throw new Error('it asks for no id')
  const bits = [...question.target].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return bits.indexOf('1')
}

describe('buckets with too few contacts are filled', () => {
  test('one node is asked for each, but for the last two, which the walk to our own id fills', () => {
    //             0  1   2  3  4  5
    const members = [8, 3, 16, 0, 2, 1]
    expect(fill(members).map(({ bucket }) => bucket)).toEqual([1, 3])
  })

  test('there is another request after one without an answer, three in all', () => {
    const asked = fill([0, 8, 8])
    for (let at = 0; at < asked.length; at++) asked[at]!.handler.onFail({} as Call)
    expect(asked.map(({ bucket }) => bucket)).toEqual([0, 0, 0])
  })

  test('nobody else is asked once the bucket has enough', () => {
    const asked = fill([0, 8, 8])
    asked[0]!.handler.onReply({} as Call, { type: 'pong', t: 'aa', id: ownId })
    asked[0]!.handler.onFail({} as Call)
    expect(asked).toHaveLength(1)
  })

  test('whoever others join through is asked only when there is nobody else', () => {
    const [first] = fill([0, 8, 8], { seeds: [0, 1] })
    const [only] = fill([0, 8, 8], { seeds: [0, 1, 2, 3, 4, 5, 6, 7] })
    expect([first!.contact, only!.contact]).not.toContain(undefined)
    expect(first!.contact).not.toBe(only!.contact)
  })

  test('a request that must wait because too many were sent is none of the three', () => {
    const clock = new SimClock()
    const asked = fill([0, 8, 8], { clock, isBusy: () => clock.now() < 2_500 })
    expect(asked).toEqual([])
    clock.runUntil(3_000)
    expect(asked.map(({ bucket }) => bucket)).toEqual([0])
    for (let at = 0; at < asked.length; at++) asked[at]!.handler.onFail({} as Call)
    expect(asked).toHaveLength(3)
  })

  test('nobody waits for longer than ten seconds, as the next walk home fills buckets, too', () => {
    const clock = new SimClock()
    const asked = fill([0, 8, 8], { clock, isBusy: () => clock.now() < 11_000 })
    clock.runUntil(60_000)
    expect(asked).toEqual([])
  })
})
