/** Whom to dial, and when again. */
import { beforeEach, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import {
  MAX_CONNECTING,
  MAX_FAILURES,
  MAX_KNOWN_PEERS,
  MAX_TOLD_PER_ADDRESS,
  PeerList,
  RETRY_MAX,
  RETRY_MIN,
} from '../../src/peer/peer-list.ts'
import { sameEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'

const at = (host: string, port = 6881): Endpoint => ({ host, port })
const A = at('10.0.0.1')
const B = at('10.0.0.2')

let list: PeerList

beforeEach(() => {
  list = new PeerList({ random: new SeededRandom(1) })
})

test('a candidate is named once, and again only when it was lost', () => {
  list.add(A, 'dht', 0)
  expect(list.add(A, 'dht', 0)).toBe(false)
  expect(list.next(0)).toEqual(A)
  list.onConnecting(A, 0)
  expect(list.next(0)).toBeUndefined()
  list.onConnected(A)
  list.onClosed(A, 1_000)
  expect(list.next(1_000)).toBeUndefined()
  expect(list.next(1_000 + RETRY_MIN)).toEqual(A)
})

test('static peers go first and are tried for ever, ever more rarely', () => {
  list.add(B, 'dht', 0)
  list.add(A, 'static', 0)
  expect(list.next(0)).toEqual(A)
  const waits: number[] = []
  let now = 0
  for (let i = 0; i < 20; i++) {
    list.onConnecting(A, 0)
    const wait = list.onFailed(A, now)!
    waits.push(wait)
    now += wait
  }
  for (const [failures, wait] of waits.entries()) {
    const most = Math.min(RETRY_MIN * 2 ** failures, RETRY_MAX)
    expect(wait).toBeLessThanOrEqual(most)
    expect(wait).toBeGreaterThan(0.75 * most)
  }
})

test('who fails is left alone until its wait is over', () => {
  list.add(A, 'dht', 0)
  list.onConnecting(A, 1_000)
  const retryAt = 1_000 + list.onFailed(A, 1_000)!
  expect(states()).toEqual(['could-be-added'])
  expect([list.next(retryAt - 1), list.nextWakeAt, list.next(retryAt)]).toEqual([undefined, retryAt, A])
})

test('those that failed less go first, then those that have waited longest', () => {
  const [failed, young, old] = [at('10.0.1.1'), at('10.0.1.2'), at('10.0.1.3')]
  list.add(failed, 'dht', 0)
  list.onConnecting(failed, 0)
  list.onFailed(failed, 0)
  list.add(young, 'dht', 50_000)
  list.add(old, 'dht', 40_000)
  const order: Endpoint[] = []
  for (let to = list.next(60_000); to !== undefined; to = list.next(60_000)) {
    list.onConnecting(to, 60_000)
    order.push(to)
  }
  expect(order).toEqual([old, young, failed])
})

test('who was reached starts again with no failures', () => {
  list.add(A, 'dht', 0)
  for (let i = 0; i < 2; i++) {
    for (let failures = 1; failures < MAX_FAILURES; failures++) expect(list.onFailed(A, 0)).toBeDefined()
    list.onConnected(A)
    list.onClosed(A, 0)
  }
  expect(states()).toEqual(['could-be-added'])
})

test('who was heard of and then named by the user is tried for ever', () => {
  for (const origin of ['dht', 'static'] as const) list.add(A, origin, 0)
  giveUp(A)
  expect(states()).toEqual(['could-be-added'])
})

test('a static peer that is not meant any more is given up like others', () => {
  list.add(A, 'static', 0)
  list.onConnected(A)
  expect(list.isConnected(A)).toBe(true)
  list.disown(A)
  list.onClosed(A, 0)
  expect(list.isConnected(A)).toBe(false)
  const waits = Array.from({ length: MAX_FAILURES }, () => {
    list.onConnecting(A, 0)
    return list.onFailed(A, 0)
  })
  expect(waits.at(-1)).toBeUndefined()
  expect(waits.slice(0, -1)).not.toContain(undefined)
})

test('with whom nothing is left to exchange is tried again, but not soon', () => {
  list.add(A, 'static', 0)
  list.onConnected(A)
  list.onNothingLeft(A, 0)
  expect(list.next(RETRY_MAX / 2)).toBeUndefined()
  expect(list.next(RETRY_MAX)).toEqual(A)
})

function giveUp(endpoint: Endpoint): void {
  for (let i = 0; i < MAX_FAILURES; i++) {
    list.onConnecting(endpoint, 0)
    list.onFailed(endpoint, 0)
  }
}

const states = (): string[] => list.snapshot().map(({ state }) => state)

test('who was only heard of is dead after some failures, until somebody tells of it again', () => {
  list.add(A, 'dht', 0)
  giveUp(A)
  expect(states()).toEqual(['dead'])
  expect([list.next(Infinity), list.nextWakeAt]).toEqual([undefined, Infinity])
  expect(list.add(A, 'tracker', 0)).toBe(true)
  expect([states(), list.next(0)]).toEqual([['could-be-added'], A])
})

test('who is dead and calls is one like others', () => {
  list.add(A, 'dht', 0)
  giveUp(A)
  list.onConnected(A)
  list.onClosed(A, 0)
  expect(list.next(RETRY_MIN)).toEqual(A)
})

test('who is connected stays so, whatever is heard of it', () => {
  list.add(A, 'dht', 0)
  giveUp(A)
  list.onConnected(A)
  list.onConnecting(A, 0)
  list.addOwn(A)
  list.ban(A)
  for (let i = 0; list.size < MAX_KNOWN_PEERS; i++) list.add(at(`12.0.${i >> 8}.${i & 255}`), 'tracker', 0)
  list.add(B, 'static', 0)
  expect(list.isConnected(A)).toBe(true)
})

test('who turns out to be this node itself is forgotten, unless a dial to it is under way', () => {
  for (const endpoint of [A, B]) list.add(endpoint, 'dht', 0)
  list.onConnecting(B, 0)
  for (const endpoint of [A, B]) list.addOwn(endpoint)
  expect(list.snapshot()).toEqual([{ endpoint: B, state: 'connecting' }])
})

test('where no way leads is not found, and tried again', () => {
  list.add(A, 'dht', 0)
  list.onConnecting(A, 0)
  const wait = list.onFailed(A, 0, true)!
  expect(states()).toEqual(['not-found'])
  expect(list.next(wait)).toEqual(A)
})

test('who is banned is dead, but for a caller, whose port says nothing', () => {
  const caller = at(B.host, 50_000)
  list.add(A, 'dht', 0)
  list.onConnected(caller)
  for (const endpoint of [A, caller]) list.ban(endpoint)
  list.onClosed(caller, 0)
  expect(list.snapshot()).toEqual([{ endpoint: A, state: 'dead' }])
})

test('who is banned while it is connected is dead when it leaves, one way or the other; others are not', () => {
  const other = at('11.9.9.9')
  for (const endpoint of [A, B, other]) list.add(endpoint, 'dht', 0)
  for (const endpoint of [A, B]) {
    list.onConnected(endpoint)
    list.ban(endpoint)
  }
  list.onClosed(A, 0)
  list.onFailed(B, 0)
  expect(states()).toEqual(['dead', 'dead', 'could-be-added'])
})

test('a caller that breaks the rules is forgotten: nobody listens where it called from', () => {
  list.onConnected(A)
  expect(list.onFailed(A, 0)).toBeUndefined()
  expect(list.size).toBe(0)
})

test.each([
  ['port 0', at('10.0.0.1', 0)],
  ['port 65,536', at('10.0.0.1', 65_536)],
  ['multicast', at('224.0.0.1')],
  ['no address at all', at('0.0.0.0')],
  ['a name', at('example.org')],
])('%s is never dialled', (_what, endpoint) => {
  expect(list.add(endpoint, 'dht', 0)).toBe(false)
})

test('neither is this node itself, nor who is banned', () => {
  list.addOwn(A)
  list.add(B, 'dht', 0)
  list.ban(B)
  expect(list.next(0)).toBeUndefined()
  for (const origin of ['static', 'tracker', 'dht', 'pex', 'lan'] as const) {
    expect(list.add(A, origin, 0)).toBe(false)
    expect(list.add(B, origin, 0)).toBe(false)
  }
  expect(list.isSuspect(B.host)).toBe(true)
})

test('few are dialled at the same time', () => {
  for (let i = 0; i < 2 * MAX_CONNECTING; i++) list.add(at(`10.0.1.${i}`), 'dht', 0)
  let dialled = 0
  for (let next = list.next(0); next !== undefined; next = list.next(0), dialled++) list.onConnecting(next, 0)
  expect(dialled).toBe(MAX_CONNECTING)
  expect(list.nextWakeAt).toBe(Infinity)
})

test('ten thousand lies fill a bounded list, and a static peer still finds its place', () => {
  for (let i = 0; i < 10_000; i++)
    list.add(at(`11.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`), 'tracker', 0)
  expect(list.size).toBe(MAX_KNOWN_PEERS)
  expect(list.add(A, 'static', 0)).toBe(true)
  expect(list.next(0)).toEqual(A)
  expect(list.size).toBe(MAX_KNOWN_PEERS)
})

test.each(['8.8.4.4', '2a00:1450:4001::1'])('port after port of %s: few are dialled', (victim) => {
  const tell = (ports: number): number => {
    let taken = 0
    for (let port = 1; port <= ports; port++) if (list.add(at(victim, port), 'pex', 0)) taken++
    return taken
  }
  expect(tell(10_000)).toBe(MAX_TOLD_PER_ADDRESS)
  expect(list.add(at('8.8.8.8'), 'pex', 0)).toBe(true)
  expect(list.add(at(victim, 20_000), 'static', 0)).toBe(true)

  giveUp(at(victim, 1))
  giveUp(at(victim, 2))
  expect(tell(MAX_TOLD_PER_ADDRESS + 1)).toBe(2)
  // A dead one makes room for another port of its address, and of no other.
  for (const endpoint of [at('8.8.8.8'), at(victim, 3)]) giveUp(endpoint)
  expect([30_000, 30_001].map((port) => list.add(at(victim, port), 'pex', 0))).toEqual([true, false])
  const known = list.snapshot().map(({ endpoint }) => endpoint)
  expect([at('8.8.8.8'), at(victim, 3)].map((each) => known.some((one) => sameEndpoint(one, each)))).toEqual([
    true,
    false,
  ])
})

test('who was told of, and then named by the user, leaves its place to others of the address', () => {
  for (let port = 1; port <= MAX_TOLD_PER_ADDRESS; port++) list.add(at('8.8.4.4', port), 'dht', 0)
  expect(list.add(at('8.8.4.4', 100), 'dht', 0)).toBe(false)
  list.add(at('8.8.4.4', 1), 'static', 0)
  expect(list.add(at('8.8.4.4', 100), 'dht', 0)).toBe(true)
})

test('a machine or network of our own may run as many as it likes', () => {
  for (const host of ['127.0.0.1', '10.0.0.1', 'fd00::1'])
    for (let port = 1; port <= 100; port++) expect(list.add(at(host, port), 'dht', 0)).toBe(true)
})

test('of a full list who is dead makes room first', () => {
  const failed = at('11.9.9.9')
  for (const endpoint of [failed, A]) list.add(endpoint, 'tracker', 0)
  for (let i = 0; list.size < MAX_KNOWN_PEERS; i++) list.add(at(`12.0.${i >> 8}.${i & 255}`), 'tracker', 0)
  list.onConnecting(failed, 0)
  list.onFailed(failed, 0)
  giveUp(A)
  expect(list.add(B, 'pex', 0)).toBe(true)
  expect(states().includes('dead')).toBe(false)
  expect(list.size).toBe(MAX_KNOWN_PEERS)
})

test('of a full list the one that failed most makes room, and none that is connected or has not failed', () => {
  const [onceFailed, twiceFailed, connected] = [at('11.9.9.1'), at('11.9.9.2'), at('11.9.9.3')]
  for (const endpoint of [onceFailed, twiceFailed, connected]) list.add(endpoint, 'tracker', 0)
  const fail = (endpoint: Endpoint): void => {
    list.onConnecting(endpoint, 0)
    list.onFailed(endpoint, 0)
  }
  for (const endpoint of [onceFailed, twiceFailed, twiceFailed, connected]) fail(endpoint)
  list.onConnecting(connected, 0)
  list.onConnected(connected)
  for (let i = 0; list.size < MAX_KNOWN_PEERS; i++) list.add(at(`12.0.${i >> 8}.${i & 255}`), 'tracker', 0)
  const knows = (endpoint: Endpoint): boolean =>
    list.snapshot().some((known) => sameEndpoint(known.endpoint, endpoint))

  expect(list.add(at('13.0.0.1'), 'pex', 0)).toBe(true)
  expect([onceFailed, twiceFailed, connected].map(knows)).toEqual([true, false, true])
  expect(list.add(at('13.0.0.2'), 'pex', 0)).toBe(true)
  expect([onceFailed, connected].map(knows)).toEqual([false, true])
  expect(list.add(at('13.0.0.3'), 'pex', 0)).toBe(false)
  expect(list.size).toBe(MAX_KNOWN_PEERS)
})

test('of a full list one that the user named and names no more makes room, if it has failed', () => {
  const [reached, failed] = [at('11.9.9.1'), at('11.9.9.2')]
  for (const endpoint of [reached, failed]) list.add(endpoint, 'static', 0)
  list.onConnecting(failed, 0)
  list.onFailed(failed, 0)
  for (const endpoint of [reached, failed]) list.disown(endpoint)
  for (let i = 0; list.size < MAX_KNOWN_PEERS; i++) list.add(at(`12.0.${i >> 8}.${i & 255}`), 'tracker', 0)
  expect([at('13.0.0.1'), at('13.0.0.2')].map((each) => list.add(each, 'pex', 0))).toEqual([true, false])
  expect(list.snapshot()[0]!.endpoint).toEqual(reached)
})
