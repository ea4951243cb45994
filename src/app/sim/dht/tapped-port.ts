/** A port that tells of every message sent through it. */
import type { DropCounters } from '../../../dht/wire/drops.ts'
import type { MessagePort } from '../../../dht/wire/message-port.ts'
import type { Message } from '../../../dht/wire/messages.ts'
import type { Endpoint } from '../../../protocol/endpoint.ts'
import type { NodeId } from '../../../protocol/ids.ts'

export class TappedPort implements MessagePort {
  readonly #port: MessagePort
  readonly #onSent: (message: Message, to: Endpoint) => void

  constructor(port: MessagePort, onSent: (message: Message, to: Endpoint) => void) {
    this.#port = port
    this.#onSent = onSent
  }

  get local(): Endpoint {
    return this.#port.local
  }

  get overheadBytes(): number {
    return this.#port.overheadBytes
  }

  get namesReceivers(): boolean {
    return this.#port.namesReceivers
  }

  get drops(): DropCounters {
    return this.#port.drops
  }

  get ownId(): NodeId | undefined {
    return this.#port.ownId
  }

  set ownId(id: NodeId | undefined) {
    this.#port.ownId = id
  }

  get onMessage(): MessagePort['onMessage'] {
    return this.#port.onMessage
  }

  set onMessage(onMessage: MessagePort['onMessage']) {
    this.#port.onMessage = onMessage
  }

  send(message: Message, to: Endpoint, receiver: NodeId | undefined): void {
    this.#onSent(message, to)
    this.#port.send(message, to, receiver)
  }

  onClockTold(teller: Endpoint, unixMs: number | undefined): void {
    this.#port.onClockTold(teller, unixMs)
  }

  close(): void {
    this.#port.close()
  }
}
