/** `-max-peers`: one number for all connections of a process, wherever its peers come from. */
import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/app/session.ts'
import { SimSwarm, type MachineOptions, type SimMachine, type SimNode } from '../../src/app/sim/swarm.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import type { Cancel } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'

const MAX_PEERS = 4
const MINUTE = 60_000

/** Connections and dials of a machine, counted from outside. */
class Census {
  /** Listening machines to which it has been connected so far. */
  readonly met = new Set<string>()
  readonly connected = new Set<string>()
  readonly #sim: SimSwarm
  readonly #name: string
  #dials = 0
  #read = 0

  constructor(sim: SimSwarm, { host }: SimNode, name: string) {
    this.#sim = sim
    this.#name = name
    const dial = host.dial.bind(host)
    host.dial = (to, timeout, onResult): Cancel => {
      let isOpen = true
      const end = (): void => {
        if (isOpen) this.#dials--
        isOpen = false
      }
      this.#dials++
      const cancel = dial(to, timeout, (result) => {
        end()
        onResult(result)
      })
      return () => {
        end()
        cancel()
      }
    }
  }

  /** Half-open ones too. */
  get count(): number {
    this.#update()
    return this.#dials + this.connected.size
  }

  #update(): void {
    for (; this.#read < this.#sim.log.length; this.#read++) {
      const line = this.#sim.log[this.#read]!
      if (!line.includes(` ${this.#name} {`)) continue
      const { event, peer, infoHash } = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, string>
      if (event === 'joined_to_peer') this.connected.add(`${peer} ${infoHash}`)
      if (event === 'joined_to_peer') this.met.add(peer!.replace(/:.*/, ''))
      if (event === 'peer_left') this.connected.delete(`${peer} ${infoHash}`)
    }
  }
}

/** Runs until `isDone`. @returns the most connections that the machine had at any time, itself asked and counted from outside */
function mostUntil(sim: SimSwarm, node: SimNode, census: Census, isDone: () => boolean): number {
  let most = 0
  sim.runUntil(
    () => {
      most = Math.max(most, census.count, node.node.snapshot().peers)
      return isDone()
    },
    { withinMs: 20 * MINUTE },
  )
  return most
}

/** A node with two sessions, each with peers of its own, among others that call it; nobody has any piece. */
async function scene(
  seed: number,
): Promise<{ sim: SimSwarm; node: SimNode; census: Census; peers: SimMachine[] }> {
  const sim = new SimSwarm({ seed, hashes })
  const other = new SimSwarm({ seed: seed + 1_000, hashes }).metainfo
  const node = await sim.node({ node: { maxPeers: MAX_PEERS } })
  const census = new Census(sim, node, 'machine 1')
  const inOther: Partial<MachineOptions> = {
    session: { metainfo: other } as MachineOptions['session'] & object,
  }
  const peers: SimMachine[] = []
  for (let i = 0; i < 5; i++) peers.push(await sim.leecher())
  const others: SimMachine[] = []
  for (let i = 0; i < 5; i++) others.push(await sim.leecher(inOther))
  const nowhere = Array.from({ length: 20 }, (_, i) => `10.9.0.${i + 1}:6881`)
  const add = (metainfo: typeof other, known: readonly SimMachine[], path: string): void => {
    const addresses = [...nowhere, ...known.map(({ address }) => address)]
    node.node.addSession({ metainfo, path, mode: 'download', peers: addresses })
  }
  add(sim.metainfo, peers, '/data/one')
  add(other, others, '/data/two')
  const callers: SimMachine[] = []
  for (let i = 0; i < 3; i++) callers.push(await sim.leecher({ peers: [{ ...peers[0]!, ...node }] }))
  return { sim, node, census, peers: [...peers, ...others, ...callers] }
}

test.each([1, 2, 3])(
  'is never exceeded by two sessions that dial and are called, and all get their turn (seed %i)',
  async (seed) => {
    const { sim, node, census, peers } = await scene(seed)

    const waiting = new Set(peers)
    const most: number[] = []
    while (waiting.size > 0) {
      // Whoever has been met leaves, and makes room for another.
      most.push(
        mostUntil(sim, node, census, () => [...waiting].some(({ host }) => census.met.has(host.address))),
      )
      for (const peer of waiting)
        if (census.met.has(peer.host.address)) {
          waiting.delete(peer)
          void peer.node.close()
        }
    }

    expect(census.met.size).toBe(peers.length)
    expect(Math.max(...most)).toBe(MAX_PEERS)
  },
)

test('half-open dials count: as long as they hang, nobody else is dialled, and then the next are', async () => {
  const sim = new SimSwarm({ seed: 5, hashes })
  const node = await sim.node({ node: { maxPeers: MAX_PEERS } })
  const census = new Census(sim, node, 'machine 1')
  const silent = await Promise.all(Array.from({ length: 6 }, () => sim.leecher()))
  for (const { host } of silent) sim.streams.partition(node.host.address, host.address)
  const willing = await sim.leecher()
  const peers = [...silent, willing].map(({ address }) => address)
  node.node.addSession({ metainfo: sim.metainfo, path: '/data/one', mode: 'download', peers })

  expect(mostUntil(sim, node, census, () => sim.clock.now() > 5_000)).toBe(MAX_PEERS)
  expect(mostUntil(sim, node, census, () => census.met.has(willing.host.address))).toBe(MAX_PEERS)
  expect(census.connected.size).toBe(1)
})

test('of one is enough for two that dial each other', async () => {
  const sim = new SimSwarm({ seed: 7, hashes })
  const [left, right] = [await sim.node({ node: { maxPeers: 1 } }), await sim.node({ node: { maxPeers: 1 } })]
  for (const [from, to] of [
    [left, right],
    [right, left],
  ] as const)
    from.node.addSession({ metainfo: sim.metainfo, path: '/data/one', mode: 'download', peers: [to.address] })
  sim.runUntil(() => sim.log.filter((line) => line.includes('joined_to_peer')).length === 2, {
    withinMs: MINUTE,
  })
})

test('a session that stops gives back every slot, of dials and handshakes too', async () => {
  const { sim, node } = await scene(9)
  sim.runUntil(() => sim.clock.now() > 15, { withinMs: MINUTE })
  expect(node.node.snapshot().peers).toBe(MAX_PEERS)
  void node.node.close()
  sim.runUntil(() => node.node.snapshot().peers === 0, { withinMs: MINUTE })
})

describe('of one, where two that have nothing have met', () => {
  /** They know a seeder, too, which they reach only when they have met. */
  async function meet(
    start: (node: SimNode, metainfo: Metainfo, peers: readonly string[]) => void,
  ): Promise<SimSwarm> {
    const sim = new SimSwarm({ seed: 11, hashes })
    const left = await sim.node({ node: { maxPeers: 1 } })
    const right = await sim.node({ node: { maxPeers: 1 } })
    const seeder = await sim.seeder()
    const pairs = [left, right].map(({ host }) => [host.address, seeder.host.address] as const)
    for (const [host, other] of pairs) sim.streams.partition(host, other)
    start(left, sim.metainfo, [right.address, seeder.address])
    start(right, sim.metainfo, [left.address, seeder.address])
    sim.runUntil(() => count(sim, 'joined_to_peer') === 2, { withinMs: 5 * MINUTE })
    for (const [host, other] of pairs) sim.streams.heal(host, other)
    return sim
  }

  function count(sim: SimSwarm, event: string): number {
    return sim.log.filter((line) => line.includes(`"event":"${event}"`)).length
  }

  test('they do not keep each other from the seeder for ever', async () => {
    const sessions: Session[] = []
    const sim = await meet(({ node }, metainfo, peers) => {
      sessions.push(node.addSession({ metainfo, path: '/data/one', mode: 'download', peers }))
    })
    sim.runUntil(() => sessions.every(({ isComplete }) => isComplete), { withinMs: 10 * MINUTE })
  })

  test('those that started from a link come to its metainfo', async () => {
    const sim = await meet(({ node }, metainfo, peers) => {
      const { infoHash } = metainfo
      node.addMagnet({ infoHash, trackers: [], webSeeds: [], bootstrap: [], peers })
    })
    sim.runUntil(() => count(sim, 'metadata') === 2, { withinMs: 10 * MINUTE })
  })

  test('nobody is sent away for others while it is our own disk that takes nothing', async () => {
    const sim = new SimSwarm({ seed: 12, hashes })
    const seeders = [await sim.seeder(), await sim.seeder()]
    const leecher = await sim.leecher({ peers: seeders, node: { maxPeers: 1 } })
    sim.runUntil(() => count(sim, 'have') > 0, { withinMs: MINUTE })
    leecher.disk.freeBytes = 0
    const until = sim.clock.now() + 5 * MINUTE
    sim.runUntil(() => sim.clock.now() > until, { withinMs: 6 * MINUTE })
    expect(count(sim, 'disk_error')).toBeGreaterThan(0)
    expect(count(sim, 'peer_left')).toBe(0)
  })
})
