import { beforeEach, expect, test } from 'vitest'
import { ContactBook, NONE, type Contact } from '../../../src/dht/table/contact.ts'
import { Graveyard } from '../../../src/dht/life/graveyard.ts'
import { idFrom, type NodeId } from '../../../src/protocol/ids.ts'

const MINUTE = 60_000

let book: ContactBook
let graves: Graveyard

beforeEach(() => {
  book = new ContactBook(4)
  graves = new Graveyard(book)
})

function bury(port: number, at: number): Contact {
  const contact = book.intern(idFrom<NodeId>(new Uint8Array(20).fill(port & 255)), { host: '10.0.0.1', port })
  graves.bury(contact, at)
  book.release(contact)
  return contact
}

const ports = (): number[] => graves.contacts.map((contact) => book.endpoint(contact).port)

test('one that fell silent is asked again after 1, 2, 4 … 32 minutes, each time as long after the last', () => {
  const contact = bury(7, 0)
  const times: number[] = []
  for (let at = 0; at <= 130 * MINUTE; at += 1_000)
    if (graves.takeDue(at) === contact) times.push(at / MINUTE)
  expect(times).toEqual([1, 3, 7, 15, 31, 63, 95, 127])
})

test('after a day it is forgotten', () => {
  bury(7, 0)
  expect(graves.takeDue(24 * 60 * MINUTE)).not.toBe(NONE)
  expect(graves.takeDue(24 * 60 * MINUTE + 2_000)).toBe(NONE)
  expect(graves.size).toBe(0)
  expect(book.size).toBe(0)
})

test('of several that are due, who has been for longest comes first', () => {
  const [late, early] = [bury(1, 10_000), bury(2, 5_000)]
  expect([graves.takeDue(2 * MINUTE), graves.takeDue(2 * MINUTE), graves.takeDue(2 * MINUTE)]).toEqual([
    early,
    late,
    NONE,
  ])
})

test('who lives leaves, and may come again', () => {
  const contact = bury(1, 0)
  bury(2, 1_000)
  expect(ports()).toEqual([2, 1])
  book.retain(contact)
  expect(graves.raise(contact)).toBe(true)
  expect(graves.raise(contact)).toBe(false)
  expect(ports()).toEqual([2])
  graves.bury(contact, 2_000)
  graves.bury(contact, 3_000)
  expect(ports()).toEqual([1, 2])
  book.release(contact)
})

test('there is room for 512; who has been there for longest makes place', () => {
  for (let port = 1; port <= 600; port++) bury(port, port * 1_000)
  expect(graves.size).toBe(512)
  expect(ports()[0]).toBe(600)
  expect(ports().at(-1)).toBe(89)
  expect(graves.buriedSince(590_000)).toBe(11)
  graves.clear()
  expect(book.size).toBe(0)
})
