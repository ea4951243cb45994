/** The port through which a DHT node reaches the network: messages in and out. Behind it are datagrams, or a simulator. */
import type { Endpoint } from '../../protocol/endpoint.ts'
import type { NodeId } from '../../protocol/ids.ts'
import type { Millis } from '../../protocol/ports.ts'
import type { DropCounters } from './drops.ts'
import type { Message } from './messages.ts'

/**
 * @param wireBytes bytes that the sender spent on the message, which limit the reply
 * @param now when it came
 */
export type OnMessage = (message: Message, from: Endpoint, wireBytes: number, now: Millis) => void

export interface MessagePort {
  /** Where the port is bound; the host may be unspecified. */
  readonly local: Endpoint
  /** Bytes that every message takes on the wire beyond its {@link encodedLength}. */
  readonly overheadBytes: number
  readonly drops: DropCounters
  /** Whether messages name their receiver, as in a private network: only then must the port be told. */
  readonly namesReceivers: boolean
  /** Set by the node, before anything is sent: who it is. */
  ownId: NodeId | undefined
  /**
   * Best effort; never calls back before it has returned.
   *
   * @param receiver its id, where messages name it; undefined for a bootstrap address, whose id nobody knows yet
   */
  send(message: Message, to: Endpoint, receiver: NodeId | undefined): void
  /** `teller` answered a request: it said that its clock is at `unixMs`, or had no complaint about ours. */
  onClockTold(teller: Endpoint, unixMs: number | undefined): void
  /** Set by the node. */
  onMessage: OnMessage
  close(): void
}
