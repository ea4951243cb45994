/** What nodes of a simulation say to each other. */
import { CONTACT_LENGTH, isReply, type Message } from '../../../dht/wire/messages.ts'
import type { Endpoint } from '../../../protocol/endpoint.ts'
import { ID_LENGTH } from '../../../protocol/ids.ts'
import type { SimDht } from '../dht.ts'

/** Replies whose contacts are looked up, one of so many. */
const SAMPLED_REPLIES = 16

/** Told of every message, by {@link SimDhtOptions.onSent}. */
export class Traffic {
  /** Undefined until the measurement begins. */
  sim: SimDht | undefined
  requests = 0
  /** Of them, those to the seeds. */
  seedRequests = 0
  #replies = 0
  #named = 0
  #dead = 0

  onSent(message: Message, to: Endpoint): void {
    if (this.sim === undefined) return
    if (!isReply(message)) {
      this.requests++
      if (this.sim.seeds.some(({ host }) => host === to.host)) this.seedRequests++
    } else if (
      message.type === 'peers' &&
      message.nodes !== undefined &&
      this.#replies++ % SAMPLED_REPLIES === 0
    )
      this.#lookUp(this.sim, message.nodes)
  }

  /** Contacts in replies that are gone, of each hundred. */
  get deadPercent(): number {
    return (100 * this.#dead) / this.#named
  }

  #lookUp(sim: SimDht, nodes: Uint8Array): void {
    for (let at = 0; at < nodes.length; at += CONTACT_LENGTH[4]) {
      const id = nodes.subarray(at, at + ID_LENGTH)
      this.#named++
      if (!sim.oracle.has(id)) this.#dead++
    }
  }
}
