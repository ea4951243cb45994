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
import { Oracle } from './oracle.ts'
import { endpointOf, type NetworkProfile } from './profiles.ts'

/**
 * `verified`: ids are what chance gave them, and of their own they name those nearest to the target. `fabricated`:
 * they have a second address, under which they take any id right beside the target. `poison`: they name nodes and
 * peers that do not exist. `silent`: they say nothing.
 */
export const ATTACKS = ['verified', 'fabricated', 'poison', 'silent'] as const
export type Attack = (typeof ATTACKS)[number]

export interface AttackersOptions {
  readonly count: number
  readonly attack: Attack
  readonly profile: NetworkProfile
  readonly random: SeededRandom
}

/** Contacts in a reply. */
const NAMED = 8
/** Leading bytes that a fabricated id has in common with the target: nobody else is so near. */
const FABRICATED_PREFIX = 8
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
  /** The second addresses of those who fabricate. */
  readonly #masks: Endpoint[] = []
  #isAttacking = false

  constructor(sim: SimDht, options: AttackersOptions) {
    this.#sim = sim
    this.#options = options
  }

  /** They are there at once, and live as long as the simulation. */
  place(): void {
    const { count, attack } = this.#options
    const members = Array.from({ length: count }, (_, at) => this.#place(at))
    this.#members.addAll(members)
    this.#sim.oracle.addAll(members)
    if (attack === 'fabricated') for (let at = 0; at < count; at++) this.#placeMask(count + at)
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

  /** Under its second address an attacker is whoever it said last that it is, to each asker. */
  #placeMask(at: number): void {
    const endpoint = endpointOf(FIRST_ADDRESS + at, this.#options.profile)
    const { port } = this.#sim.bind(endpoint)
    const place = this.#masks.push(endpoint) - 1
    const claimed = new Map<string, NodeId>()
    this.#answer(port, (message, from) => {
      if (message.type === 'findPeers') claimed.set(from.host, fabricatedId(targetOf(message), place))
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
    switch (this.#options.attack) {
      case 'fabricated':
        return pack(
          this.#sample(this.#masks.length).map((place) => ({
            id: fabricatedId(target, place),
            endpoint: this.#masks[place]!,
          })),
        )
      case 'poison':
        return pack(
          this.#sample(FAKE_ADDRESSES).map((place) => ({
            id: fabricatedId(target, place),
            endpoint: endpointOf(FIRST_FAKE_ADDRESS + place, this.#options.profile),
          })),
        )
      default:
        return pack(this.#members.closest(target, NAMED))
    }
  }

  #fakePeers(): Uint8Array {
    const peers = new Uint8Array(NAMED * COMPACT_LENGTH[4])
    this.#sample(FAKE_ADDRESSES).forEach((place, at) =>
      packEndpoint(
        endpointOf(FIRST_FAKE_ADDRESS + place, this.#options.profile),
        peers,
        at * COMPACT_LENGTH[4],
      ),
    )
    return peers
  }

  /** Different places below `below`, as many as are named. */
  #sample(below: number): number[] {
    const places = new Set<number>()
    while (places.size < Math.min(NAMED, below)) places.add(this.#options.random.int(below))
    return [...places]
  }
}

function targetOf({ target, infoHash }: FindPeersMessage): Uint8Array {
  return (infoHash ?? target)!
}

/** Always the same for one target and place: nearer to the target than any id that chance gives. */
function fabricatedId(target: Uint8Array, place: number): NodeId {
  const id = target.slice() as NodeId
  id[FABRICATED_PREFIX]! ^= 0x80 | (place & 0x7f)
  id[FABRICATED_PREFIX + 1]! ^= (place >>> 7) & 0xff
  id[FABRICATED_PREFIX + 2]! ^= (place >>> 15) & 0xff
  return id
}

function pack(contacts: readonly { readonly id: NodeId; readonly endpoint: Endpoint }[]): Uint8Array {
  const packed = new Uint8Array(contacts.length * CONTACT_LENGTH[4])
  contacts.forEach(({ id, endpoint }, at) => {
    packed.set(id, at * CONTACT_LENGTH[4])
    packEndpoint(endpoint, packed, at * CONTACT_LENGTH[4] + ID_LENGTH)
  })
  return packed
}
