/**
 * One process that sends requests: many sockets, each on a loopback address of its own, with a fixed number of requests in
 * flight (closed loop) or a fixed rate (open loop). It gets its order by a message, and reports the result by another.
 */
import { createSocket, type Socket } from 'node:dgram'
import { createHistogram } from 'node:perf_hooks'
import type { Framer } from '../../src/dht/frames/framer.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { fromHex, type NodeId } from '../../src/protocol/ids.ts'
import { framerOf, type Psk } from './member.ts'

export interface LoadOrder {
  readonly target: Endpoint
  /** Where its sockets are bound: `127.<block>.<socket>.1`. */
  readonly block: number
  readonly sockets: number
  /** Questions in flight on one socket. */
  readonly window: number
  /** Hex ids of the requester and the target, if requests travel in frames. */
  readonly frames?: { readonly psk: Psk; readonly asker: string; readonly target: string } | undefined
  /** One datagram for each socket, with `????????` where its transaction id goes. */
  readonly questions: readonly string[]
  readonly seconds: number
  /** Questions a second; without it, as many as are answered with `window` in flight on each socket. */
  readonly perSecond?: number | undefined
}

export interface LoadResult {
  /** Requests sent; with a slow target, an open loop sends fewer than it should once all of its slots are taken. */
  readonly asked: number
  readonly answers: number
  readonly lost: number
  /** Of the answers, together. */
  readonly answerBytes: number
  readonly seconds: number
  readonly p50Micros: number
  readonly p99Micros: number
}

/** The place of a transaction id in a question. */
export const TRANSACTION = '????????'
const QUOTE = 0x22
const LETTER_T = 0x74
const ZERO = 0x30

/** A request without an answer for so long is lost. */
const LOST_AFTER_MS = 250
const SWEEP_MS = 50
/** Time for the code on both sides to be compiled. */
export const WARM_UP_SECONDS = 1

process.on('message', (order: LoadOrder) => {
  void new Load(order).run().then((result) => process.send!(result))
})
process.once('disconnect', () => process.exit(0))

class Load {
  readonly #order: LoadOrder
  readonly #sockets: Socket[] = []
  readonly #datagrams: Buffer[] = []
  readonly #framer: Framer | undefined
  readonly #receiver: NodeId | undefined
  /** When the request of a slot was sent; 0 while it has none. Slot = socket × window + place. */
  readonly #askedAt: Float64Array
  readonly #latency = createHistogram()
  #isCounting = false
  #isOver = false
  #asked = 0
  #answers = 0
  #answerBytes = 0
  #lost = 0

  constructor(order: LoadOrder) {
    this.#order = order
    const { frames, window } = order
    this.#framer = frames && framerOf(frames.psk, idOf(frames.asker))
    this.#receiver = frames && idOf(frames.target)
    this.#askedAt = new Float64Array(order.sockets * window)
    for (let slot = 0; slot < this.#askedAt.length; slot++) {
      const question = order.questions[Math.floor(slot / window) % order.questions.length]!
      this.#datagrams.push(Buffer.from(question.replace(TRANSACTION, String(slot).padStart(8, '0'))))
    }
  }

  async run(): Promise<LoadResult> {
    const { sockets, seconds, perSecond } = this.#order
    for (let i = 0; i < sockets; i++) this.#sockets.push(await this.#open(i))
    const timers = [setInterval(() => this.#sweep(), SWEEP_MS)]
    if (perSecond === undefined) {
      for (let slot = 0; slot < this.#askedAt.length; slot++) this.#ask(slot)
      this.#stayAwake()
    } else timers.push(this.#askEvenly(perSecond))
    await pause(WARM_UP_SECONDS * 1_000)
    this.#isCounting = true
    const start = performance.now()
    await pause(seconds * 1_000)
    const took = (performance.now() - start) / 1_000
    this.#isOver = true
    for (const timer of timers) clearInterval(timer)
    for (const socket of this.#sockets) socket.close()
    return {
      asked: this.#asked,
      answers: this.#answers,
      lost: this.#lost,
      answerBytes: this.#answerBytes,
      seconds: took,
      p50Micros: this.#latency.percentile(50),
      p99Micros: this.#latency.percentile(99),
    }
  }

  #open(index: number): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', lookup: (name, _options, found) => found(null, name, 4) })
    socket.on('message', (data) => this.#onAnswer(data))
    return new Promise((resolve) => {
      socket.bind(0, `127.${this.#order.block}.${index}.1`, () => resolve(socket))
    })
  }

  #ask(slot: number): void {
    const { target, window } = this.#order
    this.#askedAt[slot] = performance.now()
    if (this.#isCounting) this.#asked++
    const question = this.#datagrams[slot]!
    const frame = this.#framer?.seal(question, this.#receiver)
    this.#sockets[Math.floor(slot / window)]!.send(frame?.slice() ?? question, target.port, target.host)
  }

  /** Never sleeps: waking a sleeping process would be paid by the one that answers it, and is not to be measured. */
  #stayAwake(): void {
    if (!this.#isOver) setImmediate(() => this.#stayAwake())
  }

  /** Sends what is due every millisecond, from each socket in turn; a slot that still waits is skipped. */
  #askEvenly(perSecond: number): NodeJS.Timeout {
    const start = performance.now()
    const { sockets, window } = this.#order
    let asked = 0
    let turn = 0
    return setInterval(() => {
      for (const due = ((performance.now() - start) / 1_000) * perSecond; asked < due; asked++) {
        turn = (turn + 1) % this.#askedAt.length
        const slot = (turn % sockets) * window + Math.floor(turn / sockets)
        if (this.#askedAt[slot] === 0) this.#ask(slot)
      }
    }, 1)
  }

  #onAnswer(data: Buffer): void {
    const opened = this.#framer?.open(data)
    if (typeof opened === 'string') return
    const slot = slotIn(opened?.body ?? data)
    const askedAt = this.#askedAt[slot]
    if (this.#isOver || askedAt === undefined || askedAt === 0) return
    this.#askedAt[slot] = 0
    if (this.#isCounting) {
      this.#answers++
      this.#answerBytes += data.length
      this.#latency.record(Math.max(1, Math.round((performance.now() - askedAt) * 1_000)))
    }
    if (this.#order.perSecond === undefined) this.#ask(slot)
  }

  #sweep(): void {
    const late = performance.now() - LOST_AFTER_MS
    this.#askedAt.forEach((askedAt, slot) => {
      if (askedAt === 0 || askedAt > late) return
      if (this.#isCounting) this.#lost++
      this.#askedAt[slot] = 0
      if (this.#order.perSecond === undefined) this.#ask(slot)
    })
  }
}

/** Requests and answers start with `v`, `net`, `type` and `t`: the slot follows the first `"t":`. */
function slotIn(data: Uint8Array): number {
  let at = 0
  while (at < data.length && (data[at] !== QUOTE || data[at + 1] !== LETTER_T || data[at + 2] !== QUOTE)) at++
  let slot = 0
  for (let i = 0; i < TRANSACTION.length; i++) slot = 10 * slot + data[at + 5 + i]! - ZERO
  return slot
}

function idOf(hex: string): NodeId {
  return fromHex(hex) as Uint8Array as NodeId
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
