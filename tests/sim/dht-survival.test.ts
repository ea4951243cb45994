/** What a DHT lives through: restarts, sleep, outages, partitions. */
import { describe, expect, test } from 'vitest'
import { hashes } from '../support/hashes.ts'
import { SimDht, type SimDhtOptions, type SimNode } from '../../src/app/sim/dht.ts'
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
    sim.kill(old.index)
    return { sim, events, store, old }
  }

  test('has its id again, and works through those whom it knew without any bootstrap node', () => {
    const seed = 11
    const { sim, events, store, old } = restartable(seed)
    const infoHash = sim.randomId<InfoHash>()
    sim.nodes[7]!.dht.announce(infoHash, PORT, { isSeed: true })
    // Everybody whom a newcomer would ask is gone for good.
    sim.kill(0)
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
    expect(sim.lookup(again.index, infoHash).peers).toHaveLength(1)
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
    sim.kill(offline.index)
    sim.network.heal()
    const again = sim.spawn({ store, endpoint: old.endpoint, bootstrap: [] })
    sim.run(10_000)
    expect(again.dht.contacts).toBeGreaterThan(25)
    sim.close()
  })
})
