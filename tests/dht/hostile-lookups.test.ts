/** Nodes that answer lookups with lies, and nodes that isolate a newcomer. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SimDht } from '../../src/app/sim/dht.ts'
import type { NetworkProfile } from '../../src/app/sim/dht/profiles.ts'
import { isReply, type Message } from '../../src/dht/wire/messages.ts'
import type { LookupSummary } from '../../src/dht/service.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { fromHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'
import { idOf, infoHash, join, LoneNode, packed } from './lone-node.ts'

/** What one of them does when it is asked. */
type Manner =
  'silent' | 'slow' | 'honest' | 'itself' | 'loop' | 'closer' | 'dead' | 'other id' | 'wrong answer' | 'more'

const manners = fc.array(
  fc.constantFrom<Manner>(
    'silent',
    'slow',
    'honest',
    'itself',
    'loop',
    'closer',
    'dead',
    'other id',
    'wrong answer',
    'more',
  ),
  { minLength: 1, maxLength: 12 },
)

/** Nodes at 10.1.x.y, as many as it takes; each has the manner of its number. */
class Liars {
  readonly #manners: readonly Manner[]
  readonly #lone: LoneNode
  #invented = 0

  constructor(lone: LoneNode, list: readonly Manner[]) {
    this.#lone = lone
    this.#manners = list
  }

  static endpoint(n: number): Endpoint {
    return { host: `10.1.${(n >> 8) & 255}.${n & 255}`, port: 20_000 }
  }

  /** The larger n is the nearer to the info hash. */
  static id(n: number): NodeId {
    const id = infoHash.slice() as Uint8Array as NodeId
    id[1]! ^= 255 - ((n >> 8) & 255)
    id[2]! ^= 255 - (n & 255)
    id[19] = 1
    return id
  }

  react(message: Message, to: Endpoint): void {
    const [, , high, low] = to.host.split('.').map(Number)
    const n = 256 * high! + low!
    if (isReply(message) || !to.host.startsWith('10.1.')) return
    const manner = this.#manners[n % this.#manners.length]!
    const id = manner === 'other id' ? idOf(0x33) : Liars.id(n)
    if (manner === 'silent') return
    const nodes = this.#named(n, manner)
    const reply: Message =
      message.type === 'findPeers' && manner !== 'wrong answer'
        ? { type: 'peers', t: message.t, id, nodes, token: 'abcd', ...(manner === 'more' && { more: 1 }) }
        : { type: 'pong', t: message.t, id }
    if (manner === 'slow') this.#lone.clock.after(990, () => this.#lone.say(reply, to))
    else this.#lone.say(reply, to)
  }

  #named(n: number, manner: Manner): Uint8Array {
    const numbers = {
      silent: [],
      slow: [n + 1, n + 2],
      honest: [n + 1, n + 7, n + 30],
      itself: [n, n, n],
      loop: [0, 1, 2, 3, 4, 5, 6, 7],
      closer: Array.from({ length: 8 }, () => 1_000 + (++this.#invented % 60_000)),
      dead: [],
      'other id': [n + 1],
      'wrong answer': [n + 1],
      more: [n + 1],
    }[manner]
    const living = numbers.map((one) => packed(Liars.endpoint(one), Liars.id(one)))
    if (manner !== 'dead') return join(living)
    return join(
      Array.from({ length: 8 }, (_, at) =>
        packed({ host: `10.2.${n & 255}.${at}`, port: 20_000 }, Liars.id(60_000 + at)),
      ),
    )
  }
}

test('whatever they do, a lookup is over after 80 questions and 10 seconds', () => {
  fc.assert(
    fc.property(manners, (list) => {
      const lone = new LoneNode()
      const liars = new Liars(lone, list)
      lone.node.bootstrap([0, 1, 2].map((n) => Liars.endpoint(n)))
      lone.node.announce(infoHash, 7, { isSeed: false })
      let summary: LookupSummary | undefined
      const begin = lone.clock.now()
      while (lone.clock.now() < begin + 15_000) {
        const questions = lone.sent
        lone.sent = []
        for (const { message, to } of questions) liars.react(message, to)
        lone.run(10)
        if (lone.clock.now() === begin + 1_000)
          lone.node.lookup(
            infoHash,
            () => undefined,
            (result) => (summary = result),
          )
      }
      expect(summary).toBeDefined()
      expect(summary!.rpcs).toBeLessThanOrEqual(80)
      expect(summary!.ms).toBeLessThanOrEqual(10_000)
      lone.node.close()
      expect(lone.node.snapshot()).toMatchObject({ contacts: 0 })
    }),
    { numRuns: 60 },
  )
})

describe('a newcomer whose first three contacts belong to an attacker', () => {
  const ATTACKERS = {
    lan: [1, 2, 3].map((n) => ({ host: `10.66.0.${n}`, port: 20_000 })),
    wan: [1, 2, 3].map((n) => ({ host: `120.66.${n}.1`, port: 20_000 })),
  }
  const attackerId = (n: number): NodeId => fromHex(`${n}`.repeat(40).slice(0, 40)) as Uint8Array as NodeId

  /** Fifty honest nodes, and three who name only each other, whoever asks them. */
  function network(profile: NetworkProfile = 'lan', seed = 3): SimDht {
    const sim = new SimDht({ seed, profile, codec: 'object', hashes })
    const ring = join(ATTACKERS[profile].map((endpoint, at) => packed(endpoint, attackerId(at + 1))))
    for (const [at, endpoint] of ATTACKERS[profile].entries()) {
      const { port } = sim.bind(endpoint)
      const id = attackerId(at + 1)
      port.onMessage = (message, from) => {
        if (isReply(message)) return
        const { t } = message
        const reply: Message =
          message.type === 'findPeers'
            ? { type: 'peers', t, id, nodes: ring, token: 'abcd' }
            : { type: 'pong', t, id, ttl: message.type === 'announce' ? 2_700 : undefined }
        port.send(reply, from, message.id)
      }
    }
    sim.grow(50, 100)
    sim.run(10_000)
    return sim
  }

  const isFound = (sim: SimDht, hash: InfoHash): boolean =>
    sim.lookup(sim.nodes[10]!, hash).peers.some(({ port }) => port === 7_000)

  test('knows nobody else while nobody else speaks to it, and everybody soon after one honest node does', () => {
    const sim = network()
    const hash = sim.randomId<InfoHash>()
    const joiner = sim.spawn({ bootstrap: ATTACKERS.lan })
    joiner.dht.announce(hash, 7_000, { isSeed: true })
    sim.run(60_000)
    expect(isFound(sim, hash)).toBe(false)
    joiner.dht.meet(sim.nodes[20]!.endpoint)
    sim.run(60_000)
    expect(isFound(sim, hash)).toBe(true)
    expect(joiner.dht.contacts).toBeGreaterThan(10)
    sim.close()
  })

  test.each(['lan', 'wan'] as const)(
    'with one honest bootstrap address among theirs is out of their hands within a minute (%s)',
    (profile) => {
      const sim = network(profile, 5)
      const hash = sim.randomId<InfoHash>()
      const joiner = sim.spawn({ bootstrap: [...ATTACKERS[profile], sim.nodes[0]!.endpoint] })
      joiner.dht.announce(hash, 7_000, { isSeed: true })
      expect(sim.runUntil(() => joiner.dht.contacts > 10, 60_000)).toBe(true)
      sim.run(60_000)
      expect(isFound(sim, hash)).toBe(true)
      sim.close()
    },
  )
})
