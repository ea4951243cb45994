/** What a DHT lives through: restarts, sleep, outages, partitions, and nodes that nobody can reach. */
import { describe, expect, test } from 'vitest'
import { hashes } from '../support/hashes.ts'
import { startChurn } from '../../src/app/sim/dht/churn.ts'
import { SimDht, type SimDhtOptions, type SimNode } from '../../src/app/sim/dht.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { SimStateStore } from '../../src/app/sim/state-store.ts'
import type { DhtEvent } from '../../src/dht/events.ts'
import { toHex, type InfoHash } from '../../src/protocol/ids.ts'

const PORT = 20_001
const MINUTE = 60_000

interface World {
  readonly sim: SimDht
  /** Of each node, in order. */
  readonly events: Map<number, DhtEvent[]>
}

function world(options: Partial<SimDhtOptions> & { readonly seed: number }): World {
  const events = new Map<number, DhtEvent[]>()
  const onEvent = (event: DhtEvent, node: number): void => {
    events.set(node, [...(events.get(node) ?? []), event])
  }
  return {
    sim: new SimDht({ profile: 'wan', codec: 'object', hashes, onEvent, ...options }),
    events,
  }
}

describe('a node that starts again with what it saved', () => {
  /** A network of 60 nodes and one that keeps its state; then that one is gone. */
  function restartable(seed: number): World & { readonly store: SimStateStore; readonly old: SimNode } {
    const { sim, events } = world({ seed })
    sim.grow(60, 2_000)
    const store = new SimStateStore()
    const old = sim.spawn({ store })
    sim.run(20 * MINUTE)
    sim.kill(old)
    return { sim, events, store, old }
  }

  test('has its id again, and works through those whom it knew without any bootstrap node', () => {
    const seed = 11
    const { sim, events, store, old } = restartable(seed)
    const infoHash = sim.randomId<InfoHash>()
    sim.nodes[7]!.dht.announce(infoHash, PORT, { isSeed: true })
    // Everybody whom a newcomer would ask is gone for good.
    sim.kill(sim.nodes[0]!)
    sim.run(60 * MINUTE)
    const again = sim.spawn({ store, endpoint: old.endpoint, bootstrap: [] })
    const startedAt = sim.clock.now()
    expect(
      sim.runUntil(() => again.dht.isReady, 10_000),
      `seed ${seed}`,
    ).toBe(true)
    expect(sim.clock.now() - startedAt, `seed ${seed}`).toBeLessThan(500)
    expect(again.dht.contacts).toBeGreaterThanOrEqual(8)
    expect(toHex(again.dht.id)).toBe(toHex(old.dht.id))
    expect(sim.lookup(again, infoHash).peers).toHaveLength(1)
    sim.run(10_000)
    expect(again.dht.contacts, `seed ${seed}`).toBeGreaterThan(30)
    expect(events.get(again.index)!.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['dht_table_loaded', 'dht_bootstrap', 'dht_table_saved']),
    )
    sim.close()
    expect(sim.book.size).toBe(0)
  })

  test('starts afresh from a file that is not whole, and says so', () => {
    const { sim, events, store, old } = restartable(12)
    store.saved = (store.saved as Uint8Array).subarray(0, 400)
    const again = sim.spawn({ store, endpoint: old.endpoint })
    sim.run(5_000)
    expect(toHex(again.dht.id)).not.toBe(toHex(old.dht.id))
    expect(again.dht.contacts).toBeGreaterThan(8)
    const failed = events.get(again.index)!.filter(({ event }) => event === 'dht_table_failed')
    expect(failed).toEqual([
      { event: 'dht_table_failed', family: 4, operation: 'load', reason: 'its checksum is wrong' },
    ])
    sim.close()
  })

  test('does not forget everybody because it was started without a network', () => {
    const { sim, store, old } = restartable(13)
    sim.network.partition(({ host }) => (host === old.endpoint.host ? 1 : 0))
    const offline = sim.spawn({ store, endpoint: old.endpoint, bootstrap: [] })
    sim.run(20 * MINUTE)
    expect(offline.dht.contacts).toBe(0)
    sim.kill(offline)
    sim.network.heal()
    const again = sim.spawn({ store, endpoint: old.endpoint, bootstrap: [] })
    sim.run(10_000)
    expect(again.dht.contacts).toBeGreaterThan(25)
    sim.close()
  })
})

/** Of all that node reported, those of this name. */
function of<Name extends DhtEvent['event']>(
  { events }: World,
  node: number,
  name: Name,
): Extract<DhtEvent, { event: Name }>[] {
  return (events.get(node) ?? []).filter(
    (event): event is Extract<DhtEvent, { event: Name }> => event.event === name,
  )
}

describe('a network that goes away', () => {
  test('costs nobody his place, is told of once, and all is checked when it is back', () => {
    const seed = 21
    const here = world({ seed })
    const { sim } = here
    sim.grow(40, 2_000)
    sim.run(20 * MINUTE)
    const lost = sim.nodes[20]!
    const before = lost.dht.contacts
    sim.network.partition(({ host }) => (host === lost.endpoint.host ? 1 : 0))
    // Somebody uses it meanwhile.
    for (let i = 0; i < 20; i++) sim.lookup(lost, sim.randomId<InfoHash>())
    sim.run(90 * MINUTE)
    expect(of(here, lost.index, 'dht_offline'), `seed ${seed}`).toHaveLength(1)
    expect(lost.dht.contacts, `seed ${seed}`).toBeGreaterThanOrEqual(before - 4)
    sim.network.heal()
    sim.run(3 * MINUTE)
    const recovered = of(here, lost.index, 'dht_recovered').find(({ after }) => after === 'outage')
    expect(recovered).toMatchObject({ answered: expect.any(Number) })
    expect(recovered!.seconds).toBeGreaterThan(90 * 60)
    expect(recovered!.answered).toBeGreaterThanOrEqual(8)
    sim.close()
    expect(sim.book.size).toBe(0)
  })

  test('is not what a node at rest sees when it happens to ask one dead contact after the other', () => {
    const seed = 22
    const { sim, events } = world({ seed, seeds: 3 })
    sim.grow(100, 1_000)
    sim.run(20 * MINUTE)
    startChurn(sim, 60, new SeededRandom(seed))
    sim.run(90 * MINUTE)
    const outages = [...events.values()].flat().filter(({ event }) => event === 'dht_offline')
    expect(outages, `seed ${seed}`).toEqual([])
  })

  /** Two halves that were apart for so long, each with torrents of its own; and how many of the 20 are found across. */
  function split(
    seed: number,
    nodes: number,
    { minutes, hasSeeds }: { readonly minutes: number; readonly hasSeeds: boolean },
  ): { readonly sim: SimDht; crossing(): number } {
    const { sim } = world({ seed, seeds: 3 })
    sim.grow(nodes, 250)
    sim.run(20 * MINUTE)
    const all = [...sim.nodes]
    if (!hasSeeds) for (const seedNode of all.slice(0, 3)) sim.kill(seedNode)
    const sideOf = new Map(all.map(({ endpoint, index }) => [endpoint.host, index % 2]))
    sim.network.partition(({ host }) => sideOf.get(host)!)
    sim.run((minutes - 10) * MINUTE)
    const torrents = Array.from({ length: 20 }, (_, index) => {
      const infoHash = sim.randomId<InfoHash>()
      all[10 + index]!.dht.announce(infoHash, PORT, { isSeed: true })
      return { infoHash, side: index % 2 }
    })
    sim.run(10 * MINUTE)
    const crossing = (): number =>
      torrents.filter(({ infoHash, side }) => sim.lookup(all[50 + 1 - side]!, infoHash).peers.length > 0)
        .length
    expect(crossing(), `seed ${seed}: they are apart`).toBe(0)
    sim.network.heal()
    return { sim, crossing }
  }

  test('half an hour in two halves: in two minutes each finds what the other announced', () => {
    const seed = 22
    const { sim, crossing } = split(seed, 120, { minutes: 30, hasSeeds: true })
    sim.run(2 * MINUTE)
    expect(crossing(), `seed ${seed}`).toBe(20)
    sim.close()
  })

  test('so long that nobody has the other half in his table any more, and no bootstrap node is left: they find together', () => {
    const seed = 24
    const { sim, crossing } = split(seed, 60, { minutes: 6 * 60, hasSeeds: false })
    sim.run(15 * MINUTE)
    expect(crossing(), `seed ${seed}`).toBe(20)
    sim.close()
  })
})

test('a node that slept gives out new tokens and asks for everybody, nearest first', () => {
  const seed = 23
  const here = world({ seed, profile: 'lan' })
  const { sim } = here
  sim.grow(20, 1_000)
  sim.run(5 * MINUTE)
  const sleeper = sim.nodes[10]!
  sim.clock.shiftDate(2 * 60 * MINUTE)
  sim.run(2 * MINUTE)
  const [recovered] = of(here, sleeper.index, 'dht_recovered')
  expect(recovered).toMatchObject({ after: 'sleep', seconds: 7_200 })
  expect(sleeper.dht.contacts).toBe(19)
  sim.close()
})

test('a node on any free port takes part when strangers can reach it, and not from behind a NAT', () => {
  const seed = 25
  const here = world({ seed })
  const { sim } = here
  sim.grow(60, 2_000)
  const open = sim.spawn({ isEphemeral: true })
  const hidden = sim.spawn({ isEphemeral: true, isBehindNat: true })
  sim.run(15 * MINUTE)
  const knows = (someone: SimNode): number =>
    sim.nodes.filter(({ dht }) => [...dht.knownContacts()].includes(someone.contact)).length
  expect([knows(open), knows(hidden)], `seed ${seed}`).toEqual([0, 0])
  // They use the network all the same.
  const infoHash = sim.randomId<InfoHash>()
  hidden.dht.announce(infoHash, PORT, { isSeed: true })
  sim.run(10_000)
  expect(sim.lookup(open, infoHash).peers).toHaveLength(1)
  // Strangers come when the network is used.
  for (let i = 0; i < 240; i++) {
    sim.nodes[sim.pick(60)]!.dht.lookup(
      sim.randomId<InfoHash>(),
      () => undefined,
      () => undefined,
    )
    sim.run(10_000)
  }
  expect(of(here, open.index, 'dht_role')).toEqual([
    { event: 'dht_role', family: 4, role: 'full', reason: 'strangers reach us' },
  ])
  expect(of(here, hidden.index, 'dht_role')).toEqual([])
  expect([open.dht.snapshot().isReadOnly, hidden.dht.snapshot().isReadOnly]).toEqual([false, true])
  expect(knows(open), `seed ${seed}`).toBeGreaterThan(8)
  expect(knows(hidden), `seed ${seed}`).toBe(0)
  sim.close()
})
