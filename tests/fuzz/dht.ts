/**
 * `npm run fuzz:dht`: spoiled datagrams, millions of them, at a whole DHT node without rate limits, in turn in an open network
 * and in private ones of both modes. It must never throw, never send what it would not accept itself, never answer a
 * stranger with more than three times what he sent, a frame that is not a member's or came before not at all, and never grow.
 *
 *     npm run fuzz:dht -- [--seconds 60] [--packets 100000000] [--seed 1] [--network open|hmac|aead]
 *
 * Prints the seed; the same seed finds the same again. Ends with 1 on the first finding, with the datagram in hex. Each ten
 * million packets it says how far it is, and what memory it has.
 */
import { parseArgs } from 'node:util'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { decodeMessage } from '../../src/dht/wire/codec.ts'
import { DatagramPort } from '../../src/dht/wire/datagram-port.ts'
import { DhtNode } from '../../src/dht/node.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { toHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import type { Datagrams } from '../../src/protocol/ports.ts'
import { DHT_WORDS, knownDatagrams } from './dht-datagrams.ts'
import { latin1, Mutator } from './engine/mutator.ts'
import { Members, type Arrival } from './members.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    packets: { type: 'string', default: '100000000' },
    seed: { type: 'string', default: '1' },
    network: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
const packets = Number(values.packets)
const seed = Number(values.seed)
/** In turn, one node after the other. */
const networks = (['open', 'hmac', 'aead'] as const).filter((one) => one === (values.network ?? one))

/** Datagrams between two looks at everything that could grow. */
const ROUND = 10_000
/** A node lives through so many rounds, then another one takes its place. */
const ROUNDS_OF_LIFE = 50
/** Virtual time of a round: timers run. After some, so much passes that tokens, records and derived keys expire. */
const ROUND_MS = 2_000
const PAUSE_MS = 3_600_000
/** Of a reply to a stranger, to what he sent (docs/dht.md, Amplification). */
const MAX_AMPLIFICATION = 3
/** Kept after the first lives, two of each kind, in which the compiler is at work. */
const MAX_DRIFT_BYTES = 5_000_000
const WARM_UP_LIVES = 2 * networks.length
const REPORT_EVERY = 10_000_000
const MAX_CONTACTS = 2_000
const MAX_STORED = 400_000
const UNLIMITED = { perSecond: 1e9, burst: 1e9 }

const random = new SeededRandom(seed)
const infoHash = new Uint8Array(20).fill(0xab) as InfoHash

const corpus = knownDatagrams()
const mutator = new Mutator({
  random: random.fork('mutator'),
  words: DHT_WORDS.map(latin1),
  // Longer than any datagram that is looked at, so that this bound is met too.
  maxLength: 1_500,
})
const pick = (): Uint8Array => corpus[random.int(corpus.length)]!

/** One node and everything that is sent at it. */
class Life {
  readonly #clock = new SimClock()
  readonly #socket: Datagrams
  readonly #node: DhtNode
  /** Undefined in an open network. */
  readonly #members: Members | undefined
  /** Whom the datagram that the node is about to send is for. */
  #receiver: NodeId | undefined
  /** Transaction ids of questions that wait, with whom was asked. */
  readonly #open: { readonly t: string; readonly to: Endpoint }[] = []
  readonly #tokens: string[] = []
  /** What the datagram at hand may be answered with. */
  #budget = 0
  #mayBeAnswered = true
  #asker: Endpoint = { host: '10.0.0.1', port: 1 }

  constructor(life: number) {
    this.#socket = {
      local: { host: '0.0.0.0', port: 10_000 },
      onDatagram: () => undefined,
      send: (data, to) => this.#onSent(data, to),
      close: () => undefined,
    }
    const limits = {
      source: { lan: UNLIMITED, wan: UNLIMITED },
      node: { lan: UNLIMITED, wan: UNLIMITED },
      work: UNLIMITED,
    }
    const network = networks[life % networks.length]!
    this.#members =
      network === 'open'
        ? undefined
        : new Members({ mode: network, clock: this.#clock, random: random.fork(`members ${life}`), mutator })
    const port = new DatagramPort(this.#socket, {
      clock: this.#clock,
      frames: this.#members && { keys: this.#members.keys, random: random.fork(`frames ${life}`) },
      limits,
    })
    const send = port.send.bind(port)
    port.send = (message, to, receiver) => {
      this.#receiver = receiver
      send(message, to, receiver)
    }
    this.#node = new DhtNode({
      family: 4,
      port,
      clock: this.#clock,
      random: random.fork(`node ${life}`),
      emit: () => undefined,
    })
    this.#node.bootstrap([{ host: '10.0.0.1', port: 20_000 }])
    this.#node.announce(infoHash, 7, { isSeed: false })
    for (const greeting of this.#members?.greetings(this.#node.id) ?? []) this.#receive(greeting)
  }

  round(): void {
    for (let n = 0; n < ROUND; n++) {
      const data = this.#aimed(mutator.spoil(pick(), pick(), 0))
      this.#receive(this.#members?.frame(data, this.#node.id) ?? { data, mayBeAnswered: true })
    }
    this.#budget = Number.POSITIVE_INFINITY
    this.#mayBeAnswered = true
    this.#clock.runUntil(this.#clock.now() + (random.int(10) === 0 ? PAUSE_MS : ROUND_MS))
    const { contacts, storedPeers, dropped } = this.#node.snapshot()
    if (contacts > MAX_CONTACTS || storedPeers > MAX_STORED)
      throw new Error(`it grows: ${contacts} contacts, ${storedPeers} peers`)
    for (const [reason, count] of Object.entries(dropped)) reasons.set(reason, count)
    if (random.int(20) === 0)
      this.#node.lookup(
        infoHash,
        () => undefined,
        () => undefined,
      )
  }

  end(): void {
    this.#node.close()
  }

  #receive({ data, mayBeAnswered }: Arrival): void {
    last = data
    // Endpoints that were asked, and others.
    const asked = this.#open[random.int(this.#open.length + 1)]
    this.#asker =
      asked !== undefined && random.int(2) === 0
        ? asked.to
        : { host: `${random.int(2) === 0 ? 10 : 20}.0.0.${random.int(64)}`, port: 20_000 + random.int(4) }
    this.#budget = MAX_AMPLIFICATION * data.length
    this.#mayBeAnswered = mayBeAnswered
    this.#socket.onDatagram(data, this.#asker)
  }

  /** Some get a transaction id that waits, or a token of the node's own: what lies behind these checks is tried too. */
  #aimed(data: Uint8Array): Uint8Array {
    const open = this.#open[random.int(this.#open.length + 1)]
    if (open !== undefined && random.int(4) === 0) put(data, '"t":"', open.t)
    const token = this.#tokens[random.int(this.#tokens.length + 1)]
    if (token !== undefined && random.int(4) === 0) put(data, '"token":"', token)
    return data
  }

  #onSent(data: Uint8Array, to: Endpoint): void {
    const message = this.#members?.read(data, this.#receiver) ?? decodeMessage(data)
    if (typeof message === 'string') throw new Error(`it sent what it would drop: ${message}`)
    if (!this.#mayBeAnswered) throw new Error(`it says ${message.type} to who is no member`)
    sent++
    if (message.type === 'pong' || message.type === 'peers') {
      if (to.host !== this.#asker.host) throw new Error(`it answers ${this.#asker.host} at ${to.host}`)
      // Who has answered a question of the node may be sent more.
      if (data.length > this.#budget && !this.#open.some((open) => open.to.host === to.host))
        throw new Error(`${data.length} bytes for ${this.#budget / MAX_AMPLIFICATION}`)
      if (message.type === 'peers' && message.token !== undefined) keep(this.#tokens, message.token)
    } else keep(this.#open, { t: message.t, to: { ...to } })
  }
}

function live(life: number): void {
  const one = new Life(life)
  for (let round = 0; round < ROUNDS_OF_LIFE && !isOver(); round++) {
    one.round()
    count += ROUND
  }
  one.end()
}

/** The newest of them. */
function keep<T>(list: T[], item: T): void {
  if (list.length === 64) list.shift()
  list.push(item)
}

/** Writes `text` behind the first `key`, where there is one and room. */
function put(data: Uint8Array, key: string, text: string): void {
  search: for (let at = 0; at + key.length + text.length <= data.length; at++) {
    for (let i = 0; i < key.length; i++) if (data[at + i] !== key.charCodeAt(i)) continue search
    for (let i = 0; i < text.length; i++) data[at + key.length + i] = text.charCodeAt(i)
    return
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const reasons = new Map<string, number>()
let last: Uint8Array = new Uint8Array()
let sent = 0
let count = 0
let baseline = 0
let baselineRss = 0
let drift = 0
let reported = 0

console.log(`seed ${seed}, ${seconds} s at most, ${packets} packets at most`)
const start = performance.now()
const isOver = (): boolean => count >= packets || performance.now() - start > seconds * 1_000
try {
  for (let life = 0; !isOver(); life++) {
    live(life)
    // Nothing of it is in anybody's hands now; array buffers go with the collection after that of their owners.
    globalThis.gc?.()
    globalThis.gc?.()
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
    if (life < WARM_UP_LIVES) {
      baseline = heapUsed + arrayBuffers
      baselineRss = rss
    }
    drift = heapUsed + arrayBuffers - baseline
    if (count < reported + REPORT_EVERY) continue
    reported = count
    console.log(
      `${count} packets; memory kept ${megabytes(drift)}, of the process ${megabytes(rss - baselineRss)}`,
    )
  }
  const took = (performance.now() - start) / 1_000
  console.log(
    `${count} packets in ${took.toFixed(0)} s (${Math.round(count / took)}/s), ${sent} datagrams sent in return`,
  )
  console.log(`reasons met: ${[...reasons.keys()].toSorted().join(', ')}`)
  const rss = megabytes(process.memoryUsage.rss() - baselineRss)
  console.log(
    `memory kept: ${megabytes(drift)} more than after ${WARM_UP_LIVES} lives, of the process ${rss}`,
  )
  if (globalThis.gc !== undefined && drift > MAX_DRIFT_BYTES)
    throw new Error('memory grows from life to life')
  console.log('PASS G22 0 findings')
} catch (error) {
  console.log(`FAIL G22 after ${count} packets: ${error instanceof Error ? error.stack : String(error)}`)
  console.log(`datagram ${toHex(last)}`)
  process.exitCode = 1
}
