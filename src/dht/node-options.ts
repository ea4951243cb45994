/** Everything that one node of the DHT is given. */
import type { Family, Scope } from '../protocol/endpoint.ts'
import type { NodeId } from '../protocol/ids.ts'
import type { AlarmClock, Emit, Random } from '../protocol/ports.ts'
import type { ContactBook } from './table/contact.ts'
import type { SharedMemory } from './table/shared-memory.ts'
import type { DhtEvent } from './events.ts'
import type { IdRule } from './identity/id-rule.ts'
import type { MessagePort } from './wire/message-port.ts'
import type { StateStore } from './life/state-store.ts'

export interface DhtNodeOptions {
  readonly family: Family
  readonly port: MessagePort
  readonly clock: AlarmClock
  readonly random: Random
  readonly emit: Emit<DhtEvent>
  /** Whether to emit an event for each message. */
  readonly isChatty?: boolean | undefined
  /** What outlives the process; nothing does without. */
  readonly store?: StateStore | undefined
  /** Remembered, or made after {@link idRule}, unless given. */
  readonly id?: NodeId | undefined
  /** Those of this machine's interfaces: where others see us, until they say otherwise. */
  readonly addresses?: readonly string[] | undefined
  /** Which ids go with which addresses; any unless given. A shared book has its own. */
  readonly idRule?: IdRule | undefined
  /** A node that answers nothing and is in nobody's table (BEP 43). */
  readonly isReadOnly?: boolean | undefined
  /** The same towards the Internet, until it has turned out that strangers can reach it: {@link roleOf}. */
  readonly isEphemeral?: boolean | undefined
  /** Whether the network is private, so that nobody else may be there to begin with. */
  readonly isKeyed?: boolean | undefined
  /** Shared by the nodes of a simulation; own unless given. */
  readonly book?: ContactBook | undefined
  /** Of a shared book: shared as well. */
  readonly memory?: SharedMemory | undefined
  /** Nodes of the other family near a target, packed, for those who want both. */
  readonly otherNodes?: (target: Uint8Array, count: number, requester: Scope) => Uint8Array | undefined
}
