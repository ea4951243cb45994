/** The event table is the contract: types, documentation and golden lines all say the same. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventSchema, eventTable, SCHEMA_PATH, TABLE_PATH } from '../../scripts/event-docs.ts'
import { LEVEL, type NodeEvent } from '../../src/app/event-level.ts'
import { EVENTS, LOG_LINE, type TableEvent } from '../../src/app/events.ts'
import { ROOT } from '../support/source-tree.ts'

/** Assignable in both directions, field by field; what is not is a compile error below. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : 'the table says less') : 'the table says more'
const isSame: Same<TableEvent, NodeEvent> = true

const golden = readFileSync(join(ROOT, 'tests/golden/events.jsonl'), 'utf8').trimEnd().split('\n')

test('the table equals the union of the types of all folders', () => {
  expect(isSame).toBe(true) // the compiler has proved it
})

test('every event stands in the table once, with its level', () => {
  const names = EVENTS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(Object.keys(LEVEL).toSorted()).toEqual(names.toSorted())
})

test('names are snake_case, but for messages of the DHT', () => {
  for (const { name } of EVENTS) expect(name).toMatch(/^([a-z]+(_[a-z]+)*|dht_findPeers)$/)
})

test('fields are camelCase', () => {
  for (const { schema } of EVENTS)
    for (const field of Object.keys(schema.shape)) expect(field).toMatch(/^[a-z]+([A-Z][a-z]+)*6?$/)
})

describe('golden lines', () => {
  test('there is one of every event', () => {
    const names = golden.map((line) => (JSON.parse(line) as { event: string }).event)
    expect(names).toEqual(EVENTS.map(({ name }) => name))
  })

  test.each(golden)('%s', (line) => {
    expect(LOG_LINE.safeParse(JSON.parse(line)).error?.issues).toBeUndefined()
  })
})

describe('a line that breaks the contract is refused', () => {
  const have = { level: 'info', ts: '2026-04-27T15:41:09Z', event: 'have', piece: 4, peer: '127.0.0.1:20001' }
  const whole = { ...have, bytes: 262_144, done: 5, pieces: 9 }
  test.each([
    ['a field is missing', have],
    ['a field too many', { ...whole, colour: 'red' }],
    ['another level than the table says', { ...whole, level: 'warn' }],
    ['fractions of a second', { ...whole, ts: '2026-04-27T15:41:09.123Z' }],
    ['an endpoint without a port', { ...whole, peer: '127.0.0.1' }],
    ['an IPv6 endpoint without brackets', { ...whole, peer: '::1' }],
    ['an event that nobody knows', { ...whole, event: 'had' }],
  ])('%s', (_, line) => {
    expect(LOG_LINE.safeParse(whole).success).toBe(true)
    expect(LOG_LINE.safeParse(line).success).toBe(false)
  })
})

describe('documentation is made from the table (npm run docs)', () => {
  test(SCHEMA_PATH, () => {
    expect(readFileSync(join(ROOT, SCHEMA_PATH), 'utf8')).toBe(eventSchema())
  })

  test(TABLE_PATH, () => {
    // Prettier may have spread the columns of the table.
    const cells = (text: string): string =>
      text
        .replaceAll(/ +/g, ' ')
        .replaceAll(/-{3,}/g, '---')
        .replaceAll(/\| ---/g, '|---')
        .replaceAll(/--- \|/g, '---|')
    expect(cells(readFileSync(join(ROOT, TABLE_PATH), 'utf8'))).toBe(cells(eventTable()))
  })
})
