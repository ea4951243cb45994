/** A whole DHT in one process and in virtual time: the product's own nodes on a simulated network. */
import { ContactBook, type Contact } from '../../dht/table/contact.ts'
import { SharedMemory } from '../../dht/table/shared-memory.ts'
import { DatagramPort } from '../../dht/wire/datagram-port.ts'
import type { DhtEvent } from '../../dht/events.ts'
import type { Message } from '../../dht/wire/messages.ts'
import type { MessagePort } from '../../dht/wire/message-port.ts'
import { DhtNode, type FoundNode } from '../../dht/node.ts'
import type { LookupSummary, WalkSummary } from '../../dht/service.ts'
import type { StateStore } from '../../dht/life/state-store.ts'
import type { Endpoint } from '../../protocol/endpoint.ts'
import { ID_LENGTH, type InfoHash, type NodeId } from '../../protocol/ids.ts'
import type { Hashes, Millis } from '../../protocol/ports.ts'
import { SimClock } from './clock.ts'
import { SimDatagramNetwork, type BindOptions, type DatagramWeather } from './datagram-network.ts'
import type { SimSocket } from './datagram-socket.ts'
import { Oracle } from './dht/oracle.ts'
import { TappedPort } from './dht/tapped-port.ts'
import { endpointOf, WEATHER, type NetworkProfile } from './dht/profiles.ts'
import { SeededRandom } from './random.ts'

export interface SimDhtOptions {
  readonly seed: number
  /** Determines addresses and, unless given, network conditions. */
  readonly profile: NetworkProfile
  readonly weather?: Partial<DatagramWeather>
  /** `json`: every datagram is encoded, checked and decoded as on a real socket. */
  readonly codec: 'object' | 'json'
  /** How many of the first nodes all others bootstrap from. */
  readonly seeds?: number
  readonly hashes: Hashes
  readonly onEvent?: (event: DhtEvent, node: number) => void
  /** Sees every message that a node sends. */
  readonly onSent?: (message: Message, to: Endpoint) => void
}

/** Who answers at an endpoint: one of our nodes, or an attacker. */
export interface SimMember {
  readonly id: NodeId
  readonly endpoint: Endpoint
  /** In {@link SimDht.book}, which keeps it. */
  readonly contact: Contact
  readonly socket: SimSocket
  readonly isHonest: boolean
}

export interface SimNode extends SimMember {
  /** How many were there before it. */
  readonly index: number
  readonly dht: DhtNode
  /** Behind a NAT: it asks, and answers nothing. */
  readonly isReadOnly: boolean
  isAlive: boolean
}

export interface SimSpawnOptions {
  /** Where it was in an earlier life; an address of its own unless told. */
  readonly endpoint?: Endpoint
  readonly bootstrap?: readonly Endpoint[]
  readonly store?: StateStore
  /** Behind a NAT, and read-only therefore. */
  readonly isReadOnly?: boolean
  /** Behind a NAT, whatever it is; a read-only one always is. */
  readonly isBehindNat?: boolean
  /** Read-only until strangers have reached it. */
  readonly isEphemeral?: boolean
}

export class SimDht {
  readonly clock = new SimClock()
  readonly network: SimDatagramNetwork
  /** Living nodes, in the order in which they came. */
  readonly nodes: SimNode[] = []
  /** All who live and answer, attackers among them. */
  readonly oracle = new Oracle<SimMember>()
  /** Shared by all nodes: a contact is stored once, however many know it. */
  readonly book = new ContactBook(4)
  readonly #memory = new SharedMemory(this.book)
  /** The first nodes, which all others bootstrap from; another array when there is one more of them. */
  seeds: readonly Endpoint[] = []
  /** By contact. */
  readonly #nodeOf: (SimNode | undefined)[] = []
  readonly #options: SimDhtOptions
  readonly #random: SeededRandom
  #spawned = 0

  constructor(options: SimDhtOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    const weather = { ...WEATHER[options.profile], ...options.weather }
    this.network = new SimDatagramNetwork(this.clock, { seed: options.seed, weather, hashes: options.hashes })
  }

  /** How many nodes there ever were; those that left are forgotten. */
  get spawned(): number {
    return this.#spawned
  }

  /** Starts one more node, which joins through the seeds unless told otherwise. */
  spawn(options: SimSpawnOptions = {}): SimNode {
    const bootstrap = options.bootstrap ?? this.seeds
    const node = this.#make(options)
    if (!node.isReadOnly) this.oracle.add(node)
    node.dht.bootstrap(bootstrap)
    return node
  }

  /** Starts `count` nodes that know nobody and ask nobody. */
  place(count: number, options: SimSpawnOptions = {}): readonly SimNode[] {
    const placed = Array.from({ length: count }, () => this.#make(options))
    if (options.isReadOnly !== true) this.oracle.addAll(placed)
    return placed
  }

  /** Starts `count` nodes, one each `everyMs`. */
  grow(count: number, everyMs: Millis): void {
    for (let i = 0; i < count; i++) {
      this.spawn()
      this.run(everyMs)
    }
  }

  /** The node leaves without notice. */
  kill(node: SimNode): void {
    if (!node.isAlive) return
    node.isAlive = false
    this.nodes.splice(this.nodes.indexOf(node), 1)
    if (!node.isReadOnly) this.oracle.remove(node)
    this.#nodeOf[node.contact] = undefined
    this.book.release(node.contact)
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
    asker: SimNode,
    infoHash: InfoHash,
  ): { readonly peers: readonly Endpoint[]; readonly summary: LookupSummary } {
    const peers: Endpoint[] = []
    const summary = this.#await<LookupSummary>((done) =>
      asker.dht.lookup(infoHash, (found) => peers.push(...found), done),
    )
    return { peers, summary }
  }

  /** One walk to a target, to its end. */
  findNodes(
    asker: SimNode,
    target: NodeId,
  ): { readonly nearest: readonly FoundNode[]; readonly summary: WalkSummary } {
    return this.#await((done) =>
      asker.dht.findNodes(target, (nearest, summary) => done({ nearest, summary })),
    )
  }

  /** The truth: the `count` honest ones nearest to `target`. */
  closest(target: Uint8Array, count: number, except?: SimNode): SimMember[] {
    return this.oracle.closest(target, count, (member) => member.isHonest && member !== except)
  }

  /** Which of our nodes a contact is; nobody when it is an attacker or gone. */
  nodeOf(contact: Contact): SimNode | undefined {
    return this.#nodeOf[contact]
  }

  /** A random node. */
  anyone(): SimNode {
    return this.nodes[this.#random.int(this.nodes.length)]!
  }

  randomId<T extends InfoHash | NodeId>(): T {
    return this.#random.fill(new Uint8Array(ID_LENGTH)) as T
  }

  /** A uniform number `0 … below - 1`. */
  pick(below: number): number {
    return this.#random.int(below)
  }

  close(): void {
    for (const node of [...this.nodes]) this.kill(node)
  }

  #make(options: SimSpawnOptions = {}): SimNode {
    const { profile, onEvent, onSent } = this.#options
    const { isReadOnly = false, isEphemeral, isBehindNat = isReadOnly, store } = options
    const index = this.#spawned++
    const endpoint = options.endpoint ?? endpointOf(index, profile)
    const { clock, book } = this
    const { port, socket } = this.bind(endpoint, { isBehindNat })
    const dht = new DhtNode({
      family: 4,
      port: onSent === undefined ? port : new TappedPort(port, onSent),
      clock,
      random: this.#random.fork(`node ${index}`),
      emit: onEvent === undefined ? nobodyListens : (event) => onEvent(event, index),
      book,
      memory: this.#memory,
      isReadOnly,
      isEphemeral,
      store,
    })
    const { id } = dht
    const contact = book.intern(id, endpoint)
    const node: SimNode = {
      index,
      id,
      endpoint,
      contact,
      dht,
      socket,
      isReadOnly,
      isHonest: true,
      isAlive: true,
    }
    if (this.seeds.length < (this.#options.seeds ?? 1)) this.seeds = [...this.seeds, endpoint]
    this.nodes.push(node)
    this.#nodeOf[contact] = node
    return node
  }

  /** A place in the network: for a node, or for somebody else. */
  bind(endpoint: Endpoint, options: BindOptions = {}): Plug {
    if (this.#options.codec === 'object') {
      const socket = this.network.bindMessages(endpoint, options)
      return { socket, port: socket }
    }
    const socket = this.network.bind(endpoint, options)
    return { socket, port: new DatagramPort(socket, { clock: this.clock }) }
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

function nobodyListens(): void {}

export interface Plug {
  readonly socket: SimSocket
  readonly port: MessagePort
}
