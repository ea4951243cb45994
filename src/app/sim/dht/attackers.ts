/**
 * Nodes that work together against the others. They are in everybody's tables like any other node, and what is
 * announced to them they take and forget. Until the attack begins they name the nodes that are nearest in truth; then
 * each other only, and asked for peers nobody.
 */
import { CONTACT_LENGTH, isReply, type FindPeersMessage, type Message } from '../../../dht/wire/messages.ts'
import type { MessagePort } from '../../../dht/wire/message-port.ts'
import { COMPACT_LENGTH, packEndpoint, type Endpoint } from '../../../protocol/endpoint.ts'
import { ID_LENGTH, type NodeId } from '../../../protocol/ids.ts'
import type { SimDht, SimMember } from '../dht.ts'
import type { SeededRandom } from '../random.ts'
import { BesideTarget, Manifold, NAMED, Spaced, type Disguise } from './disguises.ts'
import { Oracle } from './oracle.ts'
import { endpointOf, type NetworkProfile } from './profiles.ts'

/**
 * `verified`: ids are what chance gave them, and of their own they name those nearest to the target. `fabricated`:
 * they have a second address, under which they take any id right beside the target. `spaced`: the same, but all name
 * the same eight, so far from each other that nobody can tell by it. `manifold`: the second address has eight ids of
 * chance, as the rule of ids leaves to an address, and is asked under the nearest. `poison`: they name nodes and
 * peers that do not exist. `silent`: they say nothing.
 */
export const ATTACKS = ['verified', 'fabricated', 'spaced', 'manifold', 'poison', 'silent'] as const
export type Attack = (typeof ATTACKS)[number]

export interface AttackersOptions {
  readonly count: number
  readonly attack: Attack
  readonly profile: NetworkProfile
  readonly random: SeededRandom
}

/** Where the addresses of attackers begin, and those of nobody: far behind all honest ones. */
const FIRST_ADDRESS = 2_000_000
const FIRST_FAKE_ADDRESS = 3_000_000
const FAKE_ADDRESSES = 200_000

const TTL_SECONDS = 2_700
const TOKEN = 'AAAAAAAAAAAAAAAA'

interface Attacker extends SimMember {
  readonly isHonest: false
}

export class Attackers {
  readonly #sim: SimDht
  readonly #options: AttackersOptions
  readonly #members = new Oracle<Attacker>()
  /** The second addresses of those who disguise themselves. */
  readonly #masks: Endpoint[] = []
  /** Names for those who do not exist. */
  readonly #nobody: Disguise
  #disguise: Disguise | undefined
  #isAttacking = false

  constructor(sim: SimDht, options: AttackersOptions) {
    this.#sim = sim
    this.#options = options
    this.#nobody = new BesideTarget(FAKE_ADDRESSES, options.random)
  }

  /** They are there at once, and live as long as the simulation. */
  place(): void {
    const { count } = this.#options
    const members = Array.from({ length: count }, (_, at) => this.#place(at))
    this.#members.addAll(members)
    this.#sim.oracle.addAll(members)
    const disguise = disguiseFor(this.#options, this.#sim.oracle.size)
    this.#disguise = disguise
    if (disguise !== undefined) for (let at = 0; at < count; at++) this.#placeMask(at, disguise)
  }

  attack(): void {
    this.#isAttacking = true
  }

  #place(at: number): Attacker {
    const { profile, random } = this.#options
    const endpoint = endpointOf(FIRST_ADDRESS + at, profile)
    const id = random.fill(new Uint8Array(ID_LENGTH)) as NodeId
    const { port, socket } = this.#sim.bind(endpoint)
    const contact = this.#sim.book.intern(id, endpoint)
    this.#answer(port, () => id)
    return { id, endpoint, contact, socket, isHonest: false }
  }

  /** Under its second address an attacker is whoever it was last for each asker. */
  #placeMask(place: number, disguise: Disguise): void {
    const { count, profile } = this.#options
    const endpoint = endpointOf(FIRST_ADDRESS + count + place, profile)
    const { port } = this.#sim.bind(endpoint)
    this.#masks.push(endpoint)
    const claimed = new Map<string, NodeId | undefined>()
    this.#answer(port, (message, from) => {
      if (message.type === 'findPeers') claimed.set(from.host, disguise.idAt(place, targetOf(message)))
      return claimed.get(from.host)
    })
  }

  #answer(port: MessagePort, idFor: (message: Message, from: Endpoint) => NodeId | undefined): void {
    port.onMessage = (message, from) => {
      const id = isReply(message) ? undefined : idFor(message, from)
      if (id === undefined || (this.#isAttacking && this.#options.attack === 'silent')) return
      port.ownId = id
      const reply = this.#replyTo(message, id)
      port.send(reply, from, message.id)
    }
  }

  #replyTo(message: Message, id: NodeId): Message {
    const { t } = message
    if (message.type === 'announce') return { type: 'pong', t, id, ttl: TTL_SECONDS }
    if (message.type !== 'findPeers') return { type: 'pong', t, id }
    const nodes = this.#name(targetOf(message))
    if (message.infoHash === undefined) return { type: 'peers', t, id, nodes }
    const isPoison = this.#isAttacking && this.#options.attack === 'poison'
    return {
      type: 'peers',
      t,
      id,
      nodes,
      token: TOKEN,
      ...(isPoison && { peers: this.#fakePeers(), n: NAMED }),
    }
  }

  #name(target: Uint8Array): Uint8Array {
    if (!this.#isAttacking) return pack(this.#sim.oracle.closest(target, NAMED))
    if (this.#disguise !== undefined)
      return pack(this.#disguise.name(target).map(({ id, place }) => ({ id, endpoint: this.#masks[place]! })))
    if (this.#options.attack === 'poison')
      return pack(
        this.#nobody.name(target).map(({ id, place }) => ({ id, endpoint: this.#fakeEndpoint(place) })),
      )
    return pack(this.#members.closest(target, NAMED))
  }

  #fakePeers(): Uint8Array {
    const peers = new Uint8Array(NAMED * COMPACT_LENGTH[4])
    for (let at = 0; at < peers.length; at += COMPACT_LENGTH[4])
      packEndpoint(this.#fakeEndpoint(this.#options.random.int(FAKE_ADDRESSES)), peers, at)
    return peers
  }

  #fakeEndpoint(place: number): Endpoint {
    return endpointOf(FIRST_FAKE_ADDRESS + place, this.#options.profile)
  }
}

function targetOf({ target, infoHash }: FindPeersMessage): Uint8Array {
  return (infoHash ?? target)!
}

function disguiseFor({ attack, count, random }: AttackersOptions, nodes: number): Disguise | undefined {
  switch (attack) {
    case 'fabricated':
      return new BesideTarget(count, random)
    case 'spaced':
      return new Spaced(count, nodes)
    case 'manifold':
      return new Manifold(count, random)
    default:
      return undefined
  }
}

function pack(contacts: readonly { readonly id: NodeId; readonly endpoint: Endpoint }[]): Uint8Array {
  const packed = new Uint8Array(contacts.length * CONTACT_LENGTH[4])
  contacts.forEach(({ id, endpoint }, at) => {
    packed.set(id, at * CONTACT_LENGTH[4])
    packEndpoint(endpoint, packed, at * CONTACT_LENGTH[4] + ID_LENGTH)
  })
  return packed
}
