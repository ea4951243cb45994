/** One real DHT node behind its real door, on a socket that the test holds in its hands. */
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { decodeMessage, encodeMessage } from '../../src/dht/wire/codec.ts'
import { DatagramPort } from '../../src/dht/wire/datagram-port.ts'
import type { Message, PeersMessage, Request } from '../../src/dht/wire/messages.ts'
import { DhtNode } from '../../src/dht/node.ts'
import type { DhtNodeOptions } from '../../src/dht/node-options.ts'
import { compactEndpoint, formatEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'
import type { InfoHash, NodeId } from '../../src/protocol/ids.ts'
import type { Datagrams } from '../../src/protocol/ports.ts'

export interface Sent {
  readonly message: Message
  readonly bytes: number
  readonly to: Endpoint
}

export const LAN: Endpoint = { host: '10.0.0.9', port: 20_000 }
export const PUBLIC: Endpoint = { host: '20.0.0.9', port: 20_000 }

export const infoHash = new Uint8Array(20).fill(0xab) as InfoHash

export const idOf = (byte: number): NodeId => new Uint8Array(20).fill(byte) as NodeId

export class LoneNode {
  readonly clock = new SimClock()
  /** What the node has sent and nobody has looked at. */
  sent: Sent[] = []
  readonly node: DhtNode
  readonly #socket: Datagrams

  constructor(options: Partial<DhtNodeOptions> = {}, local: Endpoint = { host: '0.0.0.0', port: 10_000 }) {
    this.#socket = {
      local,
      onDatagram: () => undefined,
      send: (data, to) => {
        const message = decodeMessage(data)
        if (typeof message === 'string') throw new Error(`it sent what it would drop: ${message}`)
        this.sent.push({ message, bytes: data.length, to })
      },
      close: () => undefined,
    }
    this.node = new DhtNode({
      family: 4,
      port: new DatagramPort(this.#socket, { clock: this.clock }),
      clock: this.clock,
      random: new SeededRandom(1),
      emit: () => undefined,
      ...options,
    })
  }

  /** @param data bytes, or text of one byte a character */
  receive(data: string | Uint8Array, from: Endpoint = LAN): void {
    const bytes = typeof data === 'string' ? Uint8Array.from(data, (char) => char.charCodeAt(0)) : data
    this.#socket.onDatagram(bytes, from)
  }

  say(message: Message, from: Endpoint = LAN): void {
    this.receive(encodeMessage(message), from)
  }

  /** The one answer to `request`; the ping that wants to know who asked is not one. */
  answerTo(request: Request, from: Endpoint = LAN): Sent | undefined {
    this.sent = []
    this.say(request, from)
    return this.sent.find(({ message }) => message.type === 'pong' || message.type === 'peers')
  }

  /** Answers all open questions to `remote`, as the node `id`. */
  answerAs(remote: Endpoint, id: NodeId, fields: Partial<PeersMessage> = {}): void {
    const questions = this.sent.filter(({ to }) => formatEndpoint(to) === formatEndpoint(remote))
    this.sent = this.sent.filter((one) => !questions.includes(one))
    for (const { message } of questions) {
      const { t } = message
      if (message.type === 'findPeers') this.say({ type: 'peers', t, id, ...fields }, remote)
      else this.say({ type: 'pong', t, id }, remote)
    }
  }

  run(ms: number): void {
    this.clock.runUntil(this.clock.now() + ms)
  }
}

/** A packed contact, or a packed peer without an id. */
export function packed(endpoint: Endpoint, id?: NodeId): Uint8Array {
  return join([...(id === undefined ? [] : [id]), compactEndpoint(endpoint)])
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
