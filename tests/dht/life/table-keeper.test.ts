import { beforeEach, expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { SimStateStore } from '../../../src/app/sim/state-store.ts'
import type { DhtEvent } from '../../../src/dht/events.ts'
import { decodeSavedTable, encodeSavedTable, type SavedTable } from '../../../src/dht/life/saved-table.ts'
import type { StateStore } from '../../../src/dht/life/state-store.ts'
import { loadTable, TableKeeper, type Memory } from '../../../src/dht/life/table-keeper.ts'
import { StorageError } from '../../../src/protocol/errors.ts'
import { idFrom, type NodeId } from '../../../src/protocol/ids.ts'

const idOf = (byte: number): NodeId => idFrom(new Uint8Array(20).fill(byte))
const contact = (byte: number): Memory['contacts'][number] => ({
  id: idOf(byte),
  endpoint: { host: '10.0.0.1', port: byte },
})

let clock: SimClock
let store: SimStateStore
let events: DhtEvent[]
let memory: Memory

const keeper = (saved?: SavedTable, to: StateStore = store): TableKeeper =>
  new TableKeeper({
    family: 4,
    store: to,
    saved,
    clock,
    emit: (event) => events.push(event),
    recall: () => memory,
  })
const written = (): SavedTable => decodeSavedTable(store.saved as Uint8Array, 4) as SavedTable

beforeEach(() => {
  clock = new SimClock(1_000_000)
  store = new SimStateStore()
  events = []
  memory = { id: idOf(9), external: [], contacts: [contact(1)], seeds: [{ host: '10.0.0.2', port: 7 }] }
})

test('saves five seconds after the first contact, then every five minutes, and at the end', () => {
  const kept = keeper()
  clock.runUntil(60_000)
  expect(store.saves).toBe(0)
  kept.onContact()
  clock.runUntil(64_999)
  expect(store.saves).toBe(0)
  clock.runUntil(65_000)
  kept.onContact()
  expect(store.saves).toBe(1)
  clock.runUntil(65_000 + 10 * 60_000)
  expect(store.saves).toBe(3)
  let isClosed = false
  kept.close(() => (isClosed = true))
  expect(store.saves).toBe(4)
  expect([isClosed, store.isOpen]).toEqual([true, false])
  clock.runUntil(60 * 60_000)
  expect(store.saves).toBe(4)
  expect(events).toHaveLength(4)
  expect(events[0]).toEqual({
    event: 'dht_table_saved',
    family: 4,
    contacts: 1,
    seeds: 1,
    bytes: (store.saved as Uint8Array).length,
  })
})

test('who was known in the last life keeps his age, and the oldest come first', () => {
  const saved: SavedTable = {
    family: 4,
    id: idOf(9),
    savedAt: 500,
    external: [],
    contacts: [{ ...contact(3), since: 100 }],
    seeds: [],
  }
  const kept = keeper(saved)
  memory = { ...memory, contacts: [contact(1), contact(3)] }
  kept.onContact()
  clock.runUntil(5_000)
  memory = { ...memory, contacts: [contact(2), contact(1), contact(3)] }
  clock.runUntil(305_000)
  expect(written().contacts.map(({ id, since }) => [id[0], since])).toEqual([
    [3, 100],
    [1, 1_005],
    [2, 1_305],
  ])
})

test('who was gone for a while is new when he comes back', () => {
  const kept = keeper()
  kept.onContact()
  clock.runUntil(5_000)
  memory = { ...memory, contacts: [] }
  clock.runUntil(305_000)
  memory = { ...memory, contacts: [contact(1)] }
  clock.runUntil(605_000)
  expect(written().contacts.map(({ since }) => since)).toEqual([1_605])
})

test('a full disk is told, and the next save tries again', () => {
  const kept = keeper()
  store.failure = new StorageError('disk.full', 'no space left')
  kept.onContact()
  clock.runUntil(5_000)
  expect(events).toEqual([
    { event: 'dht_table_failed', family: 4, operation: 'save', reason: 'no space left' },
  ])
  clock.runUntil(305_000)
  expect(written().contacts).toHaveLength(1)
})

test('a disk that hangs gets no second save, and the last one waits for its turn', () => {
  const pending: ((error?: StorageError) => void)[] = []
  let isClosed = false
  const slow: StateStore = {
    saved: undefined,
    save: (_bytes, onDone) => pending.push(onDone),
    close: (onClosed) => onClosed(),
  }
  const kept = keeper(undefined, slow)
  kept.onContact()
  clock.runUntil(20 * 60_000)
  expect(pending).toHaveLength(1)
  kept.close(() => (isClosed = true))
  expect(pending).toHaveLength(1)
  pending[0]!()
  expect(pending).toHaveLength(2)
  expect(isClosed).toBe(false)
  pending[1]!()
  expect(isClosed).toBe(true)
})

test('nothing saved is nothing to tell; a bad file or disk is told once', () => {
  const load = (saved?: Uint8Array | StorageError): SavedTable | undefined =>
    loadTable(new SimStateStore(saved), 4, (event) => events.push(event))
  expect(load()).toBeUndefined()
  expect(events).toEqual([])
  expect(load(new Uint8Array(100))).toBeUndefined()
  expect(load(new StorageError('disk.io', 'input/output error'))).toBeUndefined()
  expect(events.map((event) => 'reason' in event && event.reason)).toEqual([
    'it is not a routing table of this version',
    'input/output error',
  ])
  const table = { family: 4, id: idOf(9), savedAt: 1, external: [], contacts: [], seeds: [] } as const
  expect(load(encodeSavedTable(table))).toEqual(table)
})
