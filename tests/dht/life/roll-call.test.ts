import { beforeEach, expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { ContactBook, type Contact } from '../../../src/dht/table/contact.ts'
import { RollCall } from '../../../src/dht/life/roll-call.ts'
import { idFrom, type NodeId } from '../../../src/protocol/ids.ts'

const target = new Uint8Array(20)

let clock: SimClock
let book: ContactBook
let asked: { readonly first: number; readonly at: number; answer: (hasAnswered: boolean) => void }[]
let enough: (readonly [answered: number, asked: number])[]
let room: number

/** Contacts whose ids begin with these bytes. */
function call(...firsts: readonly number[]): RollCall {
  const contacts = firsts.map((first) => {
    const id = idFrom<NodeId>(Uint8Array.from({ length: 20 }, (_, at) => (at === 0 ? first : 1)))
    return book.intern(id, { host: '10.0.0.1', port: 1_000 + first })
  })
  const rollCall = new RollCall(contacts, {
    book,
    clock,
    target,
    ping: (contact: Contact, answer) => {
      if (room-- <= 0) return false
      asked.push({ first: book.id(contact)[0]!, at: clock.now(), answer })
      return true
    },
    onEnough: (...counts) => enough.push(counts),
  })
  for (const contact of contacts) book.release(contact)
  return rollCall
}

beforeEach(() => {
  clock = new SimClock()
  book = new ContactBook(4)
  asked = []
  enough = []
  room = Number.POSITIVE_INFINITY
})

test('the nearest are asked at once, the others one each 20 ms', () => {
  const firsts = Array.from({ length: 20 }, (_, at) => 100 - at)
  call(...firsts)
  expect(asked).toEqual([])
  clock.runUntil(1_000)
  expect(asked.map(({ first }) => first)).toEqual(firsts.toReversed())
  expect(asked.map(({ at }) => at)).toEqual([...Array.from({ length: 16 }, () => 0), 20, 40, 60, 80])
  expect(book.size).toBe(0)
})

test('eight answers are enough, whatever becomes of the rest', () => {
  call(...Array.from({ length: 20 }, (_, at) => at))
  clock.runUntil(10)
  for (const { answer } of asked.slice(0, 4)) answer(false)
  for (const { answer } of asked.slice(4, 11)) answer(true)
  expect(enough).toEqual([])
  asked[11]!.answer(true)
  expect(enough).toEqual([[8, 16]])
  clock.runUntil(1_000)
  for (const { answer } of asked.slice(12)) answer(true)
  expect(enough).toHaveLength(1)
})

test('with fewer than eight it is over when the last one has answered or failed', () => {
  call(1, 2, 3)
  clock.runUntil(10)
  asked[0]!.answer(true)
  asked[1]!.answer(false)
  expect(enough).toEqual([])
  asked[2]!.answer(false)
  expect(enough).toEqual([[1, 3]])
})

test('nobody to ask is over at once', () => {
  call()
  clock.runUntil(0)
  expect(enough).toEqual([[0, 0]])
})

test('while there is no room for a question the next one waits for it, and nobody is left out', () => {
  room = 1
  call(1, 2, 3)
  clock.runUntil(100)
  expect(asked.map(({ first }) => first)).toEqual([1])
  room = Number.POSITIVE_INFINITY
  clock.runUntil(200)
  expect(asked.map(({ first }) => first)).toEqual([1, 2, 3])
})

test('when cancelled it asks nobody, keeps nobody and says nothing', () => {
  const rollCall = call(...Array.from({ length: 20 }, (_, at) => at))
  clock.runUntil(10)
  rollCall.cancel()
  for (const { answer } of asked) answer(true)
  clock.runUntil(1_000)
  expect(asked).toHaveLength(16)
  expect(enough).toEqual([])
  expect(book.size).toBe(0)
})
