/** What a DHT node needs of the network: messages in and out. Datagrams stand behind it, or a simulator. */
import type { Endpoint } from '../protocol/endpoint.ts'
import type { DropCounters } from './drops.ts'
import type { Message } from './messages.ts'

export interface MessagePort {
  /** Where the port is bound; the host may be unspecified. */
  readonly local: Endpoint
  /** Bytes that every message takes on the wire beyond its {@link encodedLength}. */
  readonly overheadBytes: number
  readonly drops: DropCounters
  /** Best effort; never calls back before it has returned. */
  send(message: Message, to: Endpoint): void
  /** Set by the node. `wireBytes` is what the sender spent on the message; a reply is measured against it. */
  onMessage: (message: Message, from: Endpoint, wireBytes: number) => void
  close(): void
}
