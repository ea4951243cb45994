/**
 * What an answer costs the node itself: everything between the socket that delivers a datagram and the socket that accepts
 * one, in this process. What bare sockets cost is measured by {@link measureUdp}.
 */
import { SystemClock } from '../../src/app/node/clock.ts'
import { CryptoRandom } from '../../src/app/node/random.ts'
import { DhtNode } from '../../src/dht/node.ts'
import { ContactBook } from '../../src/dht/table/contact.ts'
import { decodeMessage, encodeMessage } from '../../src/dht/wire/codec.ts'
import { DatagramPort } from '../../src/dht/wire/datagram-port.ts'
import type { Message, PeersMessage } from '../../src/dht/wire/messages.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import type { InfoHash, NodeId } from '../../src/protocol/ids.ts'
import type { Datagrams } from '../../src/protocol/ports.ts'
import { framerOf, framesOf, UNLIMITED, type Psk } from './member.ts'

const ANSWER_KINDS = ['ping', 'find', 'find+peers', 'junk'] as const
type AnswerKind = (typeof ANSWER_KINDS)[number]

export interface AnswerRow {
  readonly kind: AnswerKind
  readonly psk: Psk
  readonly micros: number
  readonly questionBytes: number
  readonly answerBytes: number
}

/** Enough for a full list of nodes and for the 60 peers of the goal. */
const POPULATION = 64
const PEERS = 60
/** Requesters, and datagrams that are prepared before any of them is timed. */
const HOSTS = 32
const BATCH = 2_000
const WARM_UP_BATCHES = 50

const clock = new SystemClock()
const random = new CryptoRandom()
const latin1 = new TextDecoder('latin1')
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const ownId = new Uint8Array(20).fill(0x33) as NodeId
const asker = new Uint8Array(20).fill(0x5a) as NodeId
const announced = new Uint8Array(20).fill(0x33) as Uint8Array as InfoHash
const other = new Uint8Array(20).fill(0xa5) as Uint8Array as InfoHash
const header = { t: 'abcdefgh', id: asker } as const

const QUESTIONS: Readonly<Record<AnswerKind, Uint8Array>> = {
  ping: bytesOf(encodeMessage({ type: 'ping', ...header })),
  find: bytesOf(encodeMessage({ type: 'findPeers', ...header, infoHash: other })),
  'find+peers': bytesOf(encodeMessage({ type: 'findPeers', ...header, infoHash: announced, pad: 248 })),
  // Begins and ends as a message does.
  junk: bytesOf(`{${'x'.repeat(598)}}`),
}

/** @param seconds of a core that each kind is measured for, after a warm-up */
export function measureAnswers(
  psk: Psk,
  seconds: number,
  kinds: readonly AnswerKind[] = ANSWER_KINDS,
): AnswerRow[] {
  return kinds.map((kind) => {
    const target = new Target(psk)
    for (let n = 0; n < WARM_UP_BATCHES; n++) target.timed(kind)
    let micros = 0
    let count = 0
    for (; micros < 1e6 * seconds; count += BATCH) micros += target.timed(kind)
    target.close()
    return {
      kind,
      psk,
      micros: micros / count,
      questionBytes: QUESTIONS[kind].length,
      answerBytes: target.lastBytes,
    }
  })
}

/** A node that knows others and has stored peers, on a socket that discards what it is given. */
class Target {
  readonly #framer: ReturnType<typeof framerOf>
  readonly #socket: Datagrams
  readonly #node: DhtNode
  /** The last datagram sent, if somebody wants it. */
  #kept: Uint8Array[] | undefined
  lastBytes = 0

  constructor(psk: Psk) {
    this.#socket = {
      local: { host: '127.0.0.1', port: 9_999 },
      onDatagram: () => undefined,
      send: (data) => {
        this.lastBytes = data.length
        this.#kept?.push(data.slice())
      },
      close: () => undefined,
    }
    const port = new DatagramPort(this.#socket, { clock, frames: framesOf(psk), limits: UNLIMITED })
    const book = new ContactBook(4)
    this.#node = new DhtNode({ family: 4, port, clock, random, emit: () => undefined, id: ownId, book })
    this.#framer = framerOf(psk, asker)
    for (let n = 0; n < POPULATION; n++) {
      const id = random.fill(new Uint8Array(20)) as NodeId
      this.#node.adopt(book.intern(id, { host: `127.1.${n}.1`, port: 20_000 }), clock.now(), [1])
    }
    for (let n = 0; n < PEERS; n++) this.#announce({ host: `127.2.${n}.1`, port: 20_000 })
    if (this.#node.snapshot().storedPeers !== PEERS)
      throw new Error('the node did not store what was announced')
  }

  close(): void {
    this.#node.close()
  }

  /** @returns microseconds of a core that a batch of questions took, with what the collector did meanwhile */
  timed(kind: AnswerKind): number {
    const question = QUESTIONS[kind]
    const { onDatagram } = this.#socket
    const batch = Array.from({ length: BATCH }, (_, n) => ({ data: this.#sealed(question), from: asking(n) }))
    const before = process.cpuUsage()
    for (let n = 0; n < BATCH; n++) onDatagram(batch[n]!.data, batch[n]!.from)
    const { user, system } = process.cpuUsage(before)
    return user + system
  }

  #announce(from: Endpoint): void {
    const { token } = this.#ask({ type: 'findPeers', ...header, infoHash: announced }, from) as PeersMessage
    this.#ask({ type: 'announce', ...header, infoHash: announced, token: token!, port: from.port }, from)
  }

  /** @returns the first thing that was sent in return */
  #ask(message: Message, from: Endpoint): Message {
    this.#kept = []
    this.#socket.onDatagram(this.#sealed(bytesOf(encodeMessage(message))), from)
    const answer = this.#kept[0]!
    this.#kept = undefined
    const opened = this.#framer?.open(answer)
    const read = typeof opened === 'string' ? opened : decodeMessage(opened?.body ?? answer)
    if (typeof read === 'string') throw new Error(`an answer that says: ${read}`)
    return read
  }

  #sealed(question: Uint8Array): Uint8Array {
    return this.#framer?.seal(question, ownId).slice() ?? question
  }
}

/** As from a socket: a new string for each datagram. */
function asking(n: number): Endpoint {
  return { host: latin1.decode(bytesOf(`127.10.${n % HOSTS}.1`)), port: 40_000 + (n % 8) }
}
