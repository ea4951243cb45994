/** A whole DHT in one process and in virtual time: the product's own nodes on a simulated network. */
import { ContactBook } from '../../dht/contact.ts'
import { DatagramPort } from '../../dht/datagram-port.ts'
import type { DhtEvent } from '../../dht/events.ts'
import { DhtNode, type FoundNode } from '../../dht/node.ts'
import type { LookupSummary, WalkSummary } from '../../dht/service.ts'
import type { Endpoint } from '../../protocol/endpoint.ts'
import { compareDistance, ID_LENGTH, type InfoHash, type NodeId } from '../../protocol/ids.ts'
import type { Millis } from '../../protocol/ports.ts'
import { SimClock } from './clock.ts'
import { LAN_WEATHER, SimDatagramNetwork, WAN_WEATHER, type DatagramWeather } from './datagram-network.ts'
import { SeededRandom } from './random.ts'

export interface SimDhtOptions {
  readonly seed: number
  /** Addresses, and the weather unless given: private ones on a LAN, or public ones, each in a network of its own. */
  readonly profile: 'lan' | 'wan'
  readonly weather?: Partial<DatagramWeather>
  /** `json`: every datagram is written, checked and read as on a real socket. */
  readonly codec: 'object' | 'json'
  /** How many of the first nodes all others bootstrap from. */
  readonly seeds?: number
  readonly onEvent?: (event: DhtEvent, node: number) => void
}

export interface SimNode {
  readonly index: number
  readonly endpoint: Endpoint
  readonly dht: DhtNode
  isAlive: boolean
}

const DHT_PORT = 20_000

export class SimDht {
  readonly clock = new SimClock()
  readonly network: SimDatagramNetwork
  readonly nodes: SimNode[] = []
  /** Shared by all nodes: a contact is stored once, however many know it. */
  readonly book = new ContactBook(4)
  readonly #options: SimDhtOptions
  readonly #random: SeededRandom

  constructor(options: SimDhtOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    const weather = { ...(options.profile === 'lan' ? LAN_WEATHER : WAN_WEATHER), ...options.weather }
    this.network = new SimDatagramNetwork(this.clock, this.#random.fork('network'), weather)
  }

  /** Starts one more node, which joins through the seeds. */
  spawn(): SimNode {
    const { profile, codec, seeds = 1, onEvent } = this.#options
    const index = this.nodes.length
    const endpoint = { host: hostOf(index, profile), port: DHT_PORT }
    const clock = this.clock
    const dht = new DhtNode({
      family: 4,
      port:
        codec === 'json'
          ? new DatagramPort(this.network.bind(endpoint), { clock })
          : this.network.bindMessages(endpoint),
      clock,
      random: this.#random.fork(`node ${index}`),
      emit: (event) => onEvent?.(event, index),
      book: this.book,
    })
    const node = { index, endpoint, dht, isAlive: true }
    dht.bootstrap(this.nodes.slice(0, seeds).map(({ endpoint: seed }) => seed))
    this.nodes.push(node)
    return node
  }

  /** Starts `count` nodes, one each `everyMs`. */
  grow(count: number, everyMs: Millis): void {
    for (let i = 0; i < count; i++) {
      this.spawn()
      this.run(everyMs)
    }
  }

  /** The node is gone without a word. */
  kill(index: number): void {
    const node = this.nodes[index]!
    node.isAlive = false
    node.dht.close()
  }

  run(ms: Millis): void {
    this.clock.runUntil(this.clock.now() + ms)
  }

  /** Runs until `isDone`. @returns whether that came within `withinMs` */
  runUntil(isDone: () => boolean, withinMs: Millis): boolean {
    const end = this.clock.now() + withinMs
    while (!isDone()) if (this.clock.now() > end || !this.clock.step()) return false
    return true
  }

  /** One lookup, to its end. */
  lookup(
    index: number,
    infoHash: InfoHash,
  ): { readonly peers: readonly Endpoint[]; readonly summary: LookupSummary } {
    const peers: Endpoint[] = []
    const summary = this.#await<LookupSummary>((done) =>
      this.nodes[index]!.dht.lookup(infoHash, (found) => peers.push(...found), done),
    )
    return { peers, summary }
  }

  /** One walk to a target, to its end. */
  findNodes(
    index: number,
    target: NodeId,
  ): { readonly nearest: readonly FoundNode[]; readonly summary: WalkSummary } {
    return this.#await((done) =>
      this.nodes[index]!.dht.findNodes(target, (nearest, summary) => done({ nearest, summary })),
    )
  }

  /** The truth: the `count` living nodes nearest to `target`. */
  closest(target: Uint8Array, count: number): SimNode[] {
    return this.nodes
      .filter(({ isAlive }) => isAlive)
      .sort((a, b) => compareDistance(a.dht.id, b.dht.id, target))
      .slice(0, count)
  }

  randomId<T extends InfoHash | NodeId>(): T {
    return this.#random.fill(new Uint8Array(ID_LENGTH)) as T
  }

  /** A uniform number `0 … below - 1`. */
  pick(below: number): number {
    return this.#random.int(below)
  }

  close(): void {
    for (const node of this.nodes) if (node.isAlive) this.kill(node.index)
  }

  /** No walk takes longer than its own limit; a minute says that one was lost. */
  #await<T>(start: (done: (result: T) => void) => void): T {
    let result: { readonly value: T } | undefined
    start((value) => {
      result = { value }
    })
    if (!this.runUntil(() => result !== undefined, 60_000)) throw new Error('a walk did not end')
    return result!.value
  }
}

/** LAN: 10.x.y.z. WAN: public addresses, each the only one in its /24. */
function hostOf(index: number, profile: 'lan' | 'wan'): string {
  if (profile === 'lan') return `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`
  const rest = Math.floor(index / 70)
  return `${20 + (index % 70)}.${rest & 255}.${(rest >>> 8) & 255}.1`
}
