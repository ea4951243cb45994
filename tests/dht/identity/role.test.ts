import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import type { DhtEvent } from '../../../src/dht/events.ts'
import { roleOf, type Role, type RoleOptions } from '../../../src/dht/identity/role.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let clock: SimClock
let events: DhtEvent[]
let isReady: boolean

beforeEach(() => {
  clock = new SimClock()
  events = []
  isReady = true
})

const role = (options: Partial<RoleOptions> = {}): Role =>
  roleOf({ family: 4, clock, emit: (event) => events.push(event), isReady: () => isReady, ...options })

const at = (host: string): { host: string; port: number } => ({ host, port: 20_000 })
/** A node in a network of its own. */
const stranger = (n: number): { host: string; port: number } => at(`20.${n}.0.1`)
const reasons = (): string[] => events.map((event) => ('reason' in event ? event.reason : event.event))
/** What it is to the Internet. */
const isOpen = (of: Role): boolean => of.admits(stranger(200))

test('a node takes part from the start, or never', () => {
  const [full, readOnly] = [role(), role({ isReadOnly: true })]
  expect([full.admits(stranger(1)), full.admits(at('10.0.0.1'))]).toEqual([true, true])
  expect([readOnly.admits(stranger(1)), readOnly.admits(at('10.0.0.1'))]).toEqual([false, false])
  expect([full.isReadOnlyTo('wan'), readOnly.isReadOnlyTo('lan')]).toEqual([false, true])
  expect([full.isSettled, readOnly.isSettled, clock.pending]).toEqual([true, true, 0])
})

test('an ephemeral one takes part on this machine and in private networks, and is read-only to the Internet', () => {
  const node = role({ isEphemeral: true })
  expect(['127.0.0.1', '192.168.1.7', '20.0.0.1'].map((host) => node.admits(at(host)))).toEqual([
    true,
    true,
    false,
  ])
  expect([node.isReadOnlyTo('lan'), node.isReadOnlyTo('wan')]).toEqual([false, true])
})

describe('the trial of an ephemeral node', () => {
  test('begins after twenty minutes; strangers of three networks prove that it can be reached', () => {
    const node = role({ isEphemeral: true })
    clock.runUntil(20 * MINUTE - 1)
    expect(isOpen(node)).toBe(false)
    clock.runUntil(20 * MINUTE)
    expect(isOpen(node)).toBe(true)
    for (const n of [1, 2, 3]) node.admits(stranger(n))
    expect(events).toEqual([])
    clock.runUntil(40 * MINUTE)
    expect(reasons()).toEqual(['strangers reach us'])
    clock.runUntil(60 * MINUTE)
    expect(isOpen(node)).toBe(true)
  })

  test('is failed when nobody comes, and comes again after an hour, then after two', () => {
    const node = role({ isEphemeral: true })
    const open: number[] = []
    for (let minute = 0; minute < 300; minute++) {
      if (!node.isReadOnlyTo('wan')) open.push(minute)
      clock.runUntil((minute + 1) * MINUTE)
    }
    const trials = open.filter((minute) => !open.includes(minute - 1))
    expect(trials).toEqual([20, 100, 240])
    expect(open).toHaveLength(60)
    expect(events).toEqual([])
  })

  test('does not begin while each node sees us at another port, and ends when that turns out', () => {
    const node = role({ isEphemeral: true })
    node.onPortsDiffer(true)
    clock.runUntil(5 * HOUR)
    expect(isOpen(node)).toBe(false)
    node.onPortsDiffer(false)
    clock.runUntil(5 * HOUR + 21 * MINUTE)
    expect(isOpen(node)).toBe(true)
    node.onPortsDiffer(true)
    expect(isOpen(node)).toBe(false)
    expect(events).toEqual([])
  })

  test('is lost when ports begin to differ, and is held again when others agree on one', () => {
    const node = role({ isEphemeral: true })
    clock.runUntil(20 * MINUTE)
    for (const n of [1, 2, 3]) node.admits(stranger(n))
    clock.runUntil(41 * MINUTE)
    node.onPortsDiffer(true)
    expect(isOpen(node)).toBe(false)
    expect(reasons()).toEqual(['strangers reach us', 'each node sees us at another port'])
    node.onPortsDiffer(false)
    clock.runUntil(62 * MINUTE)
    expect(isOpen(node)).toBe(true)
  })

  test('of one who was told to take part changes nothing for ports that differ', () => {
    const node = role()
    node.onPortsDiffer(true)
    expect([isOpen(node), clock.pending]).toEqual([true, 0])
  })

  test('three of one network prove nothing', () => {
    const node = role({ isEphemeral: true })
    clock.runUntil(20 * MINUTE)
    for (const host of ['20.1.0.1', '20.1.7.1', '20.1.9.9', '20.2.0.1']) node.admits(at(host))
    clock.runUntil(41 * MINUTE)
    expect(node.isReadOnlyTo('wan')).toBe(true)
  })

  test('who heard from us lately is no stranger, from whatever port he comes', () => {
    const node = role({ isEphemeral: true })
    clock.runUntil(16 * MINUTE)
    for (const n of [1, 2, 3]) node.onSent(stranger(n))
    clock.runUntil(20 * MINUTE)
    for (const n of [1, 2, 3]) node.admits({ host: stranger(n).host, port: 7 })
    clock.runUntil(41 * MINUTE)
    expect(node.isReadOnlyTo('wan')).toBe(true)
  })

  test('who heard from us long ago is one', () => {
    const node = role({ isEphemeral: true })
    for (const n of [1, 2, 3]) node.onSent(stranger(n))
    clock.runUntil(20 * MINUTE)
    node.onSent(stranger(9))
    for (const n of [1, 2, 3]) node.admits(stranger(n))
    clock.runUntil(41 * MINUTE)
    expect(node.isReadOnlyTo('wan')).toBe(false)
  })

  test('nothing is proven while we talk to more hosts than we can remember', () => {
    const node = role({ isEphemeral: true })
    clock.runUntil(20 * MINUTE)
    for (let n = 0; n < 10_000; n++) node.onSent(at(`30.${n >> 8}.${n & 255}.1`))
    for (const n of [1, 2, 3]) node.admits(stranger(n))
    clock.runUntil(41 * MINUTE)
    expect(node.isReadOnlyTo('wan')).toBe(true)
  })

  test('waits until the node has found its place', () => {
    isReady = false
    const node = role({ isEphemeral: true })
    clock.runUntil(39 * MINUTE)
    expect(isOpen(node)).toBe(false)
    isReady = true
    clock.runUntil(40 * MINUTE)
    expect(isOpen(node)).toBe(true)
  })
})

describe('a node that was proven', () => {
  /** One that takes part after forty minutes. */
  function proven(): Role {
    const node = role({ isEphemeral: true })
    clock.runUntil(20 * MINUTE)
    for (const n of [1, 2, 3]) node.admits(stranger(n))
    clock.runUntil(40 * MINUTE)
    events = []
    return node
  }

  test('is read-only again when no stranger has come for an hour, and tries anew an hour later', () => {
    const node = proven()
    clock.runUntil(100 * MINUTE)
    expect(reasons()).toEqual(['no stranger has reached us for an hour'])
    expect(node.isReadOnlyTo('wan')).toBe(true)
    clock.runUntil(160 * MINUTE)
    expect(node.isReadOnlyTo('wan')).toBe(false)
  })

  test('stays while strangers come now and then', () => {
    const node = proven()
    for (let hour = 1; hour <= 10; hour++) {
      node.admits(stranger(hour))
      clock.runUntil(40 * MINUTE + hour * 50 * MINUTE)
    }
    expect(node.isReadOnlyTo('wan')).toBe(false)
    expect(events).toEqual([])
  })

  test('has to prove it again at another address', () => {
    const node = proven()
    node.onMoved()
    expect(reasons()).toEqual(['our address has changed'])
    expect(node.isReadOnlyTo('wan')).toBe(true)
    clock.runUntil(60 * MINUTE)
    expect(node.isReadOnlyTo('wan')).toBe(false)
  })
})

describe('in a network with a key', () => {
  test('who has had no answer for a minute takes part: somebody has to begin', () => {
    const node = role({ isEphemeral: true, isKeyed: true })
    clock.runUntil(MINUTE)
    expect(reasons()).toEqual(['nobody else is there'])
    node.onMoved()
    clock.runUntil(24 * HOUR)
    expect(isOpen(node)).toBe(true)
    expect(events).toHaveLength(1)
  })

  test('who was answered does not', () => {
    const node = role({ isEphemeral: true, isKeyed: true })
    node.onAnswer()
    clock.runUntil(MINUTE)
    expect(isOpen(node)).toBe(false)
  })
})

test('after the end nothing happens any more', () => {
  const node = role({ isEphemeral: true, isKeyed: true })
  node.close()
  clock.runUntil(HOUR)
  expect(events).toEqual([])
})
