/** One end of a simulated connection. */
import type { Endpoint } from '../../protocol/endpoint.ts'
import { TransportError } from '../../protocol/errors.ts'
import type { ByteStream, Millis, StreamHandler } from '../../protocol/ports.ts'
import type { SimHost, SimStreams } from './stream-network.ts'

/** Bytes on their way and unread at the receiver: more are not sent. Larger than 1 Gbit/s × 50 ms. */
const RECEIVE_WINDOW = 8 * 2 ** 20
/** The largest run of bytes that travels, and is delivered, as one. */
const MAX_SEGMENT = 65_536
/** What a packet carries. Most segments are some packets long, as a kernel coalesces them. */
const PACKET = 1_460
/** One in so many segments is shorter than a packet. */
const ODD_ONE_IN = 16

interface Write {
  readonly data: Uint8Array
  readonly done: (() => void) | undefined
}

interface SimStreamOptions {
  readonly host: SimHost
  readonly remote: Endpoint
  readonly onGone: (stream: SimStream) => void
}

const DEAF: StreamHandler = { onData() {}, onDrain() {}, onClose() {} }

/**
 * Written bytes wait in a queue until the host's uplink takes them, a segment at a time: that is the one copy. A segment
 * travels for the latency between the hosts, passes the receiver's downlink, and waits there while the receiver pauses.
 */
export class SimStream implements ByteStream {
  readonly host: SimHost
  readonly remote: Endpoint
  handler: StreamHandler = DEAF
  readonly #net: SimStreams
  readonly #onGone: (stream: SimStream) => void
  #other: SimStream | undefined
  /** From `#head`; the first `#taken` bytes of the first write are gone. */
  #queue: Write[] = []
  #head = 0
  #taken = 0
  #queuedBytes = 0
  /** Of the writes whose last byte the segment took. */
  readonly #handedOver: (() => void)[] = []
  #isFlushing = false
  #isSending = false
  /** Sent and not yet read by the other end. */
  #unread = 0
  #lastArrivalAt: Millis = 0
  readonly #inbox: Uint8Array[] = []
  #isPaused = false
  #state: 'open' | 'ending' | 'closed' = 'open'
  /** The other end was told that this one is gone, or broke along with it. */
  #isEndSent = false
  /** The other end is gone: this one closes when the inbox is read. */
  #isEndReceived = false

  constructor(net: SimStreams, { host, remote, onGone }: SimStreamOptions) {
    this.#net = net
    this.host = host
    this.remote = remote
    this.#onGone = onGone
  }

  join(other: SimStream): void {
    this.#other = other
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  write(data: Uint8Array, done?: () => void): void {
    if (this.#state !== 'open' || data.length === 0) {
      if (done !== undefined) this.#net.clock.after(0, done)
      return
    }
    this.#queue.push({ data, done })
    this.#queuedBytes += data.length
    if (this.#isFlushing) return
    // Writes of one turn go out together.
    this.#isFlushing = true
    this.#net.clock.after(0, () => {
      this.#isFlushing = false
      this.wake()
    })
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#inbox.length > 0) this.#net.clock.after(0, () => this.#deliver())
  }

  destroy(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#dropQueue()
    this.#net.clock.after(0, () => this.#close())
    this.wake()
  }

  /** The connection breaks: both ends are told in a later turn. */
  reset(): void {
    for (const end of [this, this.#other!]) {
      if (end.#state === 'closed') continue
      end.#state = 'ending'
      end.#isEndSent = true
      end.#dropQueue()
      const error = new TransportError('net.reset', `the connection to ${end.remote.host} broke`)
      this.#net.clock.after(0, () => end.#close(error))
    }
  }

  /** Sends what can be sent now. */
  wake(): void {
    if (this.#isSending || this.#net.isPartitioned(this.host.address, this.remote.host)) return
    if (this.#state !== 'open') return this.#sendEnd()
    while (this.#queuedBytes > 0 && this.#unread < RECEIVE_WINDOW) {
      const segment = this.#takeSegment(Math.min(this.#segmentLength(), RECEIVE_WINDOW - this.#unread))
      this.#unread += segment.length
      const sentAt = this.host.up.book(segment.length)
      const wait = sentAt - this.#net.clock.now()
      if (wait <= 0) this.#travel(() => this.#other!.#arrive(segment))
      else {
        this.#isSending = true
        this.#net.clock.after(wait, () => {
          this.#isSending = false
          this.#travel(() => this.#other!.#arrive(segment))
          this.wake()
        })
      }
      for (const done of this.#handedOver.splice(0)) done()
      if (this.#queuedBytes === 0) this.handler.onDrain()
      if (this.#isSending || this.#state !== 'open') return
    }
  }

  #segmentLength(): number {
    const { random } = this.#net
    if (random.int(ODD_ONE_IN) === 0) return 1 + random.int(PACKET)
    return Math.min(MAX_SEGMENT, PACKET * (1 + random.int(MAX_SEGMENT / PACKET + 1)))
  }

  /** Copies up to `length` bytes out of the queue. */
  #takeSegment(length: number): Uint8Array {
    const segment = new Uint8Array(Math.min(length, this.#queuedBytes))
    let filled = 0
    while (filled < segment.length) {
      const { data, done } = this.#queue[this.#head]!
      const part = Math.min(data.length - this.#taken, segment.length - filled)
      segment.set(data.subarray(this.#taken, this.#taken + part), filled)
      filled += part
      this.#taken += part
      if (this.#taken < data.length) break
      this.#taken = 0
      this.#head++
      if (done !== undefined) this.#handedOver.push(done)
    }
    this.#queuedBytes -= segment.length
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    return segment
  }

  /** Runs `arrive` at the other end after the latency, never before what was sent earlier. */
  #travel(arrive: () => void): void {
    const { clock } = this.#net
    const { latency } = this.#net
    this.#lastArrivalAt = Math.max(this.#lastArrivalAt, clock.now() + latency)
    clock.after(this.#lastArrivalAt - clock.now(), arrive)
  }

  #arrive(segment: Uint8Array): void {
    if (this.#state !== 'open') return
    const { clock } = this.#net
    const wait = this.host.down.book(segment.length) - clock.now()
    const receive = (): void => {
      this.#inbox.push(segment)
      this.#deliver()
    }
    if (wait <= 0) receive()
    else clock.after(wait, receive)
  }

  #deliver(): void {
    while (this.#inbox.length > 0 && !this.#isPaused && this.#state === 'open') {
      const segment = this.#inbox.shift()!
      this.#other!.#unread -= segment.length
      this.handler.onData(segment)
      this.#other!.wake()
    }
    if (this.#isEndReceived && this.#inbox.length === 0 && this.#state === 'open') {
      this.#isEndSent = true
      this.#dropQueue()
      this.#close()
    }
  }

  /** Tells the other end, behind all data, that this end is gone. */
  #sendEnd(): void {
    if (this.#isEndSent) return
    this.#isEndSent = true
    this.#travel(() => {
      // The downlink may still hold the last segments.
      const other = this.#other!
      const wait = other.host.down.book(0) - this.#net.clock.now()
      this.#net.clock.after(Math.max(0, wait), () => {
        other.#isEndReceived = true
        other.#deliver()
      })
    })
    if (this.#state === 'closed') this.#onGone(this)
  }

  #dropQueue(): void {
    const dropped = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    this.#taken = 0
    this.#queuedBytes = 0
    for (const { done } of dropped) if (done !== undefined) this.#net.clock.after(0, done)
  }

  #close(error?: TransportError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#inbox.length = 0
    // In a partition the end waits to be sent.
    if (this.#isEndSent) this.#onGone(this)
    this.handler.onClose(error)
  }
}
