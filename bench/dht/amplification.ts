/** How many bytes a node can be made to send per byte that it receives (G21): every request, length and sender. */
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { decodeMessage, encodeMessage } from '../../src/dht/wire/codec.ts'
import { ContactBook } from '../../src/dht/table/contact.ts'
import { DatagramPort, MAX_RECEIVED_BYTES, MIN_RECEIVED_BYTES } from '../../src/dht/wire/datagram-port.ts'
import type { Request } from '../../src/dht/wire/messages.ts'
import { DhtNode } from '../../src/dht/node.ts'
import type { Endpoint, Family } from '../../src/protocol/endpoint.ts'
import { fromHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import type { Datagrams } from '../../src/protocol/ports.ts'

/** What the node knows about the sender: nothing; that it hears us, by a token; that it answered us. */
const SENDERS = ['stranger', 'token', 'contact'] as const
type Sender = (typeof SENDERS)[number]

export interface AmplificationRow {
  readonly sender: Sender
  readonly family: Family
  readonly kind: string
  /** Bytes of the answer per byte of the request: the maximum over all lengths of the request, and that length. */
  readonly ratio: number
  readonly asked: number
  readonly answered: number
  /** The same with the headers of IP and UDP; the maximum may be at another length. */
  readonly ratioWithHeaders: number
}

const HEADERS: Readonly<Record<Family, number>> = { 4: 20 + 8, 6: 40 + 8 }
const CONTACTS = 60
const PEERS = 120
/** Between two requests: restores the rate of an address, while what the node knows stays fresh. */
const PAUSE_MS = 50

export function measureAmplification(): AmplificationRow[] {
  const rows: AmplificationRow[] = []
  for (const family of [4, 6] as const)
    for (const sender of SENDERS)
      for (const kind of Object.keys(KINDS)) {
        const row = worst(family, sender, kind)
        if (row !== undefined) rows.push(row)
      }
  return rows
}

/** Undefined when such a sender gets no answer to such a request. */
function worst(family: Family, sender: Sender, kind: string): AmplificationRow | undefined {
  const target = new Target(family)
  const headers = HEADERS[family]
  let most = { ratio: 0, asked: 0, answered: 0 }
  let ratioWithHeaders = 0
  for (let asked = MIN_RECEIVED_BYTES; asked <= MAX_RECEIVED_BYTES; asked++) {
    const answered = target.ask(sender, kind, asked)
    if (answered === undefined) continue
    const ratio = answered / asked
    if (ratio > most.ratio) most = { ratio, asked, answered }
    ratioWithHeaders = Math.max(ratioWithHeaders, (answered + headers) / (asked + headers))
  }
  return most.ratio === 0 ? undefined : { sender, family, kind, ...most, ratioWithHeaders }
}

const id = fromHex('5a'.repeat(20)) as Uint8Array as NodeId
const known = fromHex('a5'.repeat(20)) as Uint8Array as InfoHash
const unknown = fromHex('3c'.repeat(20)) as Uint8Array as InfoHash
const t = 'abcd'
const want: ('n4' | 'n6')[] = ['n4', 'n6']
const BAD_TOKEN = 'a'

const KINDS: Readonly<Record<string, (token: string | undefined) => Request>> = {
  ping: () => ({ type: 'ping', t, id }),
  'ping, other port': () => ({ type: 'ping', t, id, rp: 3_333 }),
  'find a node': () => ({ type: 'findPeers', t, id, target: unknown as Uint8Array as NodeId, want }),
  'find peers, none': (token) => ({ type: 'findPeers', t, id, infoHash: unknown, token, want }),
  'find peers, many': (token) => ({ type: 'findPeers', t, id, infoHash: known, token, want }),
  announce: (token) => ({ type: 'announce', t, id, infoHash: known, token: token ?? BAD_TOKEN, port: 7_000 }),
}

/** A node that knows many others, also of the other family, and stores many peers. */
class Target {
  readonly family: Family
  readonly #clock = new SimClock()
  readonly #random: SeededRandom
  readonly #node: DhtNode
  readonly #socket: Datagrams
  readonly #book: ContactBook
  /** Bytes sent, and the last datagram. */
  #sent = 0
  #last = new Uint8Array()
  #strangers = 0

  constructor(family: Family) {
    this.family = family
    this.#random = new SeededRandom(family)
    this.#book = new ContactBook(family)
    this.#socket = {
      local: this.#address(),
      onDatagram: () => undefined,
      send: (data) => {
        this.#sent += data.length
        this.#last = data.slice()
      },
      close: () => undefined,
    }
    const nodesOfOther = this.#random.fill(new Uint8Array(16 * (family === 4 ? 38 : 26)))
    this.#node = new DhtNode({
      family,
      port: new DatagramPort(this.#socket, { clock: this.#clock }),
      clock: this.#clock,
      random: this.#random,
      emit: () => undefined,
      book: this.#book,
      otherNodes: (_target, count) => nodesOfOther.subarray(0, (count * nodesOfOther.length) / 16),
    })
    for (let i = 0; i < CONTACTS; i++)
      this.#meet(this.#random.fill(new Uint8Array(20)) as NodeId, this.#address())
    for (let i = 0; i < PEERS; i++) {
      const from = this.#address()
      this.#send(KINDS.announce!(this.#token(from, known)), from)
    }
  }

  /** @returns bytes of the answer to a question of `bytes`; undefined when it cannot be that short */
  ask(sender: Sender, kind: string, bytes: number): number | undefined {
    const from = sender === 'contact' ? CONTACT[this.family] : this.#address()
    if (sender === 'contact') this.#meet(id, from)
    const request = KINDS[kind]!(undefined)
    const hash = 'infoHash' in request ? request.infoHash : undefined
    const token = sender === 'token' && hash !== undefined ? this.#token(from, hash) : undefined
    const answered = this.#send(KINDS[kind]!(token), from, bytes)
    this.#clock.runUntil(this.#clock.now() + PAUSE_MS)
    return answered
  }

  /** The sender has just answered us. */
  #meet(contactId: NodeId, endpoint: Endpoint): void {
    const contact = this.#book.intern(contactId, endpoint)
    this.#node.adopt(contact, this.#clock.now(), [20])
    this.#book.release(contact)
  }

  #token(from: Endpoint, infoHash: InfoHash): string {
    this.#send({ type: 'findPeers', t, id, infoHash }, from)
    const reply = decodeMessage(this.#last)
    if (typeof reply === 'string' || reply.type !== 'peers' || reply.token === undefined)
      throw new Error('the node gave no token')
    return reply.token
  }

  /** @param bytes the request is padded to this with an unknown key */
  #send(message: Request, from: Endpoint, bytes?: number): number | undefined {
    const text = encodeMessage(message)
    const rest = (bytes ?? text.length) - text.length
    if (rest < 0 || (rest > 0 && rest < FILLER.length)) return undefined
    const filled =
      rest === 0 ? text : `${text.slice(0, -1)}${FILLER.replace('?', '0'.repeat(rest - FILLER.length + 1))}}`
    this.#sent = 0
    this.#socket.onDatagram(new TextEncoder().encode(filled), from)
    return this.#sent
  }

  #address(): Endpoint {
    const at = this.#strangers++
    const host =
      this.family === 4
        ? `${20 + (at >>> 16)}.${(at >>> 8) & 255}.${at & 255}.1`
        : `2001:4860:${(at >>> 8) + 1}:${at & 255}::1`
    return { host, port: 20_000 }
  }
}

const CONTACT: Readonly<Record<Family, Endpoint>> = {
  4: { host: '9.9.9.9', port: 20_000 },
  6: { host: '2620:fe::fe', port: 20_000 },
}

const FILLER = ',"x":"?"'
