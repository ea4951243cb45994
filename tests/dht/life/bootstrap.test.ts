/** Joining through addresses that somebody named. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import type { DhtEvent } from '../../../src/dht/events.ts'
import type { Endpoint } from '../../../src/protocol/endpoint.ts'
import { idOf, join, LoneNode, packed } from '../lone-node.ts'

const seed = (n: number): Endpoint => ({ host: `20.0.${n}.1`, port: 20_000 })
const seeds = Array.from({ length: 7 }, (_, n) => seed(n))
const HOUR = 60 * 60_000
const friend = { host: '20.1.0.1', port: 20_000 }

let lone: LoneNode
beforeEach(() => (lone = new LoneNode()))

/** The endpoints asked since the last look. */
const asked = (): Endpoint[] => lone.sent.splice(0).map(({ to }) => to)

test('one seed is asked, and the next when it has been silent for 300 ms', () => {
  lone.node.bootstrap(seeds)
  const first = asked()
  expect(first).toHaveLength(1)
  lone.run(299)
  expect(asked()).toEqual([])
  lone.run(2)
  expect(asked()).toHaveLength(1)
  lone.run(5 * 300)
  expect(new Set([...first, ...asked()]).size).toBeGreaterThanOrEqual(6)
})

test('when it answers and knows nobody the next is asked at once', () => {
  lone.node.bootstrap(seeds)
  const [first] = lone.sent
  lone.answerAs(first!.to, idOf(1))
  expect(asked()).toHaveLength(1)
})

test('who are asked first is drawn by chance', () => {
  const first = new Set<string>()
  for (let chance = 1; chance <= 60; chance++) {
    lone = new LoneNode({ random: new SeededRandom(chance) })
    lone.node.bootstrap(seeds)
    for (const { host } of asked()) first.add(host)
  }
  expect(first.size).toBe(seeds.length)
})

test('after one answer that names others no further seed is asked', () => {
  lone.node.bootstrap(seeds)
  const [answering] = lone.sent
  lone.answerAs(answering!.to, idOf(1), { nodes: packed(friend, idOf(2)) })
  lone.run(5_000)
  expect(asked().filter(({ host }) => !host.startsWith('20.1.'))).toEqual([])
})

test('while we are alone all are asked again, even if strangers that do not answer our pings remind us of that all the time', () => {
  const [one] = seeds
  lone.node.bootstrap([one!])
  lone.run(HOUR)
  const undisturbed = asked().length
  for (let minute = 0; minute < 60; minute++) {
    lone.say(
      { type: 'ping', t: 'aaaaaaaa', id: idOf(minute + 1) },
      { host: `20.2.${minute}.1`, port: 20_000 },
    )
    lone.run(60_000)
  }
  // They got one ping each. When each of them put off the next question to the seed, it was asked no more.
  const again = asked().filter(({ host }) => host === one!.host)
  expect(again.length).toBeGreaterThan(undisturbed / 2)
})

describe('once we have joined through a seed', () => {
  const isSeed = ({ host }: Endpoint): boolean => seeds.some((one) => one.host === host)

  /** Joins through one of these, and lets time pass while the friend is there. @returns the seeds that were asked meanwhile */
  function joinThrough(known: readonly Endpoint[]): { first: Endpoint; later: (ms: number) => Endpoint[] } {
    lone.node.bootstrap(known)
    const first = lone.sent[0]!.to
    lone.answerAs(first, idOf(1), { nodes: packed(friend, idOf(9)) })
    const later = (ms: number): Endpoint[] => {
      const found: Endpoint[] = []
      for (let at = 0; at < ms; at += 100) {
        lone.run(100)
        lone.answerAs(friend, idOf(9))
        found.push(...asked().filter(isSeed))
      }
      return found
    }
    return { first, later }
  }

  test('another one is asked a little later: the first may have named its friends', () => {
    const { first, later } = joinThrough(seeds)
    expect(later(10_000).filter((to) => to !== first)).toEqual([])
    expect(later(10_000).filter((to) => to !== first)).not.toEqual([])
  })

  test('and the next one when that stays silent', () => {
    const { first, later } = joinThrough(seeds.slice(0, 3))
    expect(new Set(later(45_000).filter((to) => to !== first)).size).toBe(2)
  })

  test('the same one where there is no other: it may know more of those who came with us', () => {
    const { first, later } = joinThrough([seed(0)])
    expect(later(20_000).filter((to) => to === first)).not.toEqual([])
  })
})

test('other seeds that a seed names are not asked: everybody knows them', () => {
  lone.node.bootstrap(seeds.slice(0, 2))
  const { to } = lone.sent[0]!
  const other = to.host === seed(0).host ? seed(1) : seed(0)
  lone.answerAs(to, idOf(1), { nodes: join([packed(other, idOf(3)), packed(friend, idOf(2))]) })
  lone.run(1)
  expect(asked()).toEqual([friend])
})

test('but when there is nobody else', () => {
  lone.node.bootstrap(seeds.slice(0, 2))
  const { to } = lone.sent[0]!
  const other = to.host === seed(0).host ? seed(1) : seed(0)
  lone.answerAs(to, idOf(1), { nodes: packed(other, idOf(3)) })
  lone.run(1)
  expect(asked()).toEqual([other])
})

test('a seed that knows nobody is not enough', () => {
  lone.node.bootstrap(seeds)
  const [answering] = lone.sent
  lone.sent = lone.sent.slice(0, 1)
  lone.answerAs(answering!.to, idOf(1))
  lone.run(1_500)
  expect(new Set(asked().map(({ host }) => host)).size).toBeGreaterThanOrEqual(6)
})

test('what a seed named is where the walk to our own place begins, and the seed is not asked again', () => {
  lone.node.bootstrap([seed(0)])
  const question = lone.sent[0]!
  expect(question.bytes).toBeGreaterThanOrEqual(230)
  lone.answerAs(seed(0), idOf(1), { nodes: packed(friend, idOf(2)) })
  lone.run(1)
  expect(lone.sent.map(({ to, message }) => [to, message.type])).toEqual([[friend, 'findPeers']])
  // The question told it where we are only roughly.
  const { message } = question
  const target = message.type === 'findPeers' ? message.target! : new Uint8Array()
  expect(target.subarray(0, 12)).toEqual(lone.node.id.subarray(0, 12))
  expect(target).not.toEqual(lone.node.id)
})

test('while nobody answers all are asked again: after a second, then after twice as long each time, five minutes at most', () => {
  lone.node.bootstrap([seed(0)])
  // A datagram that is sent again keeps its transaction id.
  const firstAt = new Map<string, number>()
  for (let second = 0; second < 3_600; second++) {
    for (const { message } of lone.sent.splice(0))
      if (!firstAt.has(message.t)) firstAt.set(message.t, lone.clock.now())
    lone.run(1_000)
  }
  const times = [...firstAt.values()]
  const waits = times.slice(1).map((at, i) => at - times[i]!)
  expect(waits[0]).toBeLessThan(10_000)
  expect(Math.max(...waits)).toBeGreaterThan(0.7 * 5 * 60_000)
  expect(Math.max(...waits)).toBeLessThan(1.3 * 5 * 60_000 + 10_000)
  expect(times.length).toBeGreaterThan(10)
})

test('that nobody answers is told at first, then ever more rarely, and that it is over at once', () => {
  const told: { readonly at: number; readonly what: string }[] = []
  const tell = (event: DhtEvent): void => {
    if (event.event === 'dht_bootstrap_failed')
      told.push({ at: lone.clock.now(), what: `failed ${event.tries}` })
    if (event.event === 'dht_bootstrap') told.push({ at: lone.clock.now(), what: 'joined' })
  }
  lone = new LoneNode({ emit: tell })
  const local = { host: '10.0.0.1', port: 20_000 }
  lone.node.bootstrap([local])
  lone.run(24 * HOUR)
  // On a LAN a node that starts late is asked within 20 s, all the time.
  expect(asked().length).toBeGreaterThan((24 * HOUR) / 20_000)
  const silences = told.slice(1).map(({ at }, i) => at - told[i]!.at)
  expect(told[0]!.at).toBeLessThan(10_000)
  expect(Math.min(...silences)).toBeGreaterThanOrEqual(60_000)
  expect(silences.toSorted((a, b) => a - b).slice(0, 6)).toEqual(silences.slice(0, 6))
  expect(Math.max(...silences)).toBeLessThan(HOUR + 30_000)
  expect(Number(told.at(-1)!.what.slice('failed '.length))).toBeGreaterThan((23 * HOUR) / 25_000)

  told.splice(0)
  for (let i = 0; i < 30 && told.length === 0; i++) {
    lone.answerAs(local, idOf(1))
    lone.run(1_000)
  }
  expect(told.map(({ what }) => what)).toEqual(['joined'])
})

test('somebody met by chance is asked once, and forgotten when he is silent', () => {
  lone.node.meet(friend)
  expect(asked()).toEqual([friend])
  lone.run(60 * 60_000)
  expect(asked().length).toBeLessThanOrEqual(1 /* the second datagram of that one question */)
})

test('somebody met at a link-local address is not asked: the answer would not be read', () => {
  lone.node.meet({ host: '169.254.1.2', port: 10_000 })
  lone.run(60_000)
  expect(asked()).toEqual([])
})

test('a seed that all are told of a thousand times is asked once', () => {
  for (let i = 0; i < 1_000; i++) lone.node.meet({ host: `20.2.${i & 255}.1`, port: 1_024 + i })
  lone.run(400)
  expect(asked().length).toBeLessThanOrEqual(3)
})
