/** HTTP servers in virtual time: a function of the request gives the answer, and how it is sent. */
import { endpointOf, formatEndpoint } from '../../protocol/endpoint.ts'
import { TransportError } from '../../protocol/errors.ts'
import type {
  Cancel,
  Clock,
  HttpClient,
  HttpExchange,
  HttpHandler,
  HttpRequest,
  Millis,
} from '../../protocol/ports.ts'

export interface SimAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Until the head comes; one round trip of 10 ms when missing. */
  readonly delayMs?: Millis
  /** Of the body; 100 MB/s when missing. */
  readonly bytesPerSecond?: number
  /** The connection breaks behind so many bytes of the body. */
  readonly breaksAfter?: number
}

/** Undefined: it never answers. */
export type SimServer = (request: HttpRequest) => SimAnswer | undefined

export interface SimServerOptions {
  /** Bytes per second of all its bodies together; as much as each of them takes when missing. */
  readonly up?: number
  /** Now what is sent to it or by it vanishes; it takes no connection, refuses none, and what was under way never ends. */
  readonly isCutOff?: () => boolean
}

const ROUND_TRIP: Millis = 10
const FULL_SPEED = 100_000_000
/** The body comes in chunks of one such grain, or of this many bytes. */
const GRAIN: Millis = 5
const MIN_CHUNK = 1_024

export class SimHttp implements HttpClient {
  readonly #clock: Clock
  readonly #servers = new Map<string, Server>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param address IP literal */
  serve(address: string, port: number, answer: SimServer, options: SimServerOptions = {}): void {
    const { up = Infinity, isCutOff = () => false } = options
    const key = formatEndpoint({ host: address, port })
    this.#servers.set(key, { answer, line: new Line(up), isCutOff })
  }

  get(request: HttpRequest, handler: HttpHandler): HttpExchange {
    const { url, address } = request
    const server = this.#servers.get(formatEndpoint({ ...endpointOf(url), host: address }))
    const exchange = new SimExchange(this.#clock, handler)
    const isTaken = server?.isCutOff() === false
    exchange.start(isTaken)
    if (server === undefined) exchange.refuse(url.host)
    else if (isTaken) exchange.answer(server.answer(request), server)
    return exchange
  }

  close(): void {}
}

interface Server {
  readonly answer: SimServer
  readonly line: Line
  readonly isCutOff: () => boolean
}

/** What all exchanges of one server go through, one chunk after the other. */
class Line {
  readonly rate: number
  #freeAt: Millis = 0

  /** @param rate bytes per second */
  constructor(rate: number) {
    this.rate = rate
  }

  /** @returns when so many bytes that are sent from now on are through */
  send(bytes: number, now: Millis): Millis {
    this.#freeAt = Math.max(now, this.#freeAt) + (bytes / this.rate) * 1_000
    return this.#freeAt
  }
}

class SimExchange implements HttpExchange {
  readonly #clock: Clock
  readonly #handler: HttpHandler
  #answer: SimAnswer | undefined
  #server: Server | undefined
  #sent = 0
  #isPaused = false
  #isWaiting = false
  #isOver = false
  readonly #timers = new Set<Cancel>()

  constructor(clock: Clock, handler: HttpHandler) {
    this.#clock = clock
    this.#handler = handler
  }

  start(isTaken: boolean): void {
    this.#after(0, () => {
      this.#handler.onTurn()
      if (!this.#isOver && isTaken) this.#handler.onConnected()
    })
  }

  refuse(host: string): void {
    this.#after(ROUND_TRIP, () =>
      this.#end(new TransportError('net.refused', `${host}: nobody listens there`)),
    )
  }

  answer(answer: SimAnswer | undefined, server: Server): void {
    this.#answer = answer
    this.#server = server
    if (answer === undefined) return
    this.#after(answer.delayMs ?? ROUND_TRIP, () => {
      if (server.isCutOff()) return
      this.#handler.onHead({ status: answer.status, header: (name) => answer.headers?.[name] })
      this.#next()
    })
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    if (this.#isWaiting) this.#next()
  }

  cancel(): void {
    this.#isOver = true
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }

  #after(delay: Millis, fn: () => void): void {
    const cancel = this.#clock.after(delay, () => {
      this.#timers.delete(cancel)
      fn()
    })
    this.#timers.add(cancel)
  }

  #next(): void {
    this.#isWaiting = this.#isPaused
    if (this.#isOver || this.#isPaused) return
    const { body = new Uint8Array(0), bytesPerSecond = FULL_SPEED, breaksAfter = Infinity } = this.#answer!
    if (this.#sent >= breaksAfter) return this.#end(new TransportError('net.reset', 'the connection broke'))
    if (this.#sent >= body.length) return this.#end()
    const { line, isCutOff } = this.#server!
    const length = Math.max(MIN_CHUNK, Math.round((Math.min(bytesPerSecond, line.rate) * GRAIN) / 1_000))
    const chunk = body.subarray(this.#sent, Math.min(this.#sent + length, breaksAfter))
    const now = this.#clock.now()
    const sentAt = Math.max(now + (chunk.length / bytesPerSecond) * 1_000, line.send(chunk.length, now))
    this.#after(sentAt - now, () => {
      if (isCutOff()) return
      this.#sent += chunk.length
      this.#handler.onData(chunk)
      this.#next()
    })
  }

  #end(error?: TransportError): void {
    if (this.#isOver) return
    this.cancel()
    this.#handler.onEnd(error)
  }
}
