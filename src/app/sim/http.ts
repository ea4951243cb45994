/** HTTP servers in virtual time: what they answer is a function of the request, how they send it is theirs to say. */
import { formatEndpoint } from '../../protocol/endpoint.ts'
import { TransportError } from '../../protocol/errors.ts'
import type {
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

const ROUND_TRIP: Millis = 10
const FULL_SPEED = 100_000_000
/** The body comes in chunks of one such grain, or of this many bytes. */
const GRAIN: Millis = 5
const MIN_CHUNK = 1_024

export class SimHttp implements HttpClient {
  readonly #clock: Clock
  readonly #servers = new Map<string, SimServer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param address IP literal */
  serve(address: string, port: number, server: SimServer): void {
    this.#servers.set(formatEndpoint({ host: address, port }), server)
  }

  get(request: HttpRequest, handler: HttpHandler): HttpExchange {
    const { url, address } = request
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
    const server = this.#servers.get(formatEndpoint({ host: address, port }))
    const exchange = new SimExchange(this.#clock, handler)
    if (server === undefined) exchange.refuse(url.host)
    else exchange.answer(server(request))
    return exchange
  }

  close(): void {}
}

class SimExchange implements HttpExchange {
  readonly #clock: Clock
  readonly #handler: HttpHandler
  #answer: SimAnswer | undefined
  #sent = 0
  #isPaused = false
  #isWaiting = false
  #isOver = false

  constructor(clock: Clock, handler: HttpHandler) {
    this.#clock = clock
    this.#handler = handler
  }

  refuse(host: string): void {
    this.#clock.after(ROUND_TRIP, () =>
      this.#end(new TransportError('net.refused', `${host}: nobody listens there`)),
    )
  }

  answer(answer: SimAnswer | undefined): void {
    this.#answer = answer
    if (answer === undefined) return
    this.#clock.after(answer.delayMs ?? ROUND_TRIP, () => {
      if (this.#isOver) return
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
  }

  #next(): void {
    this.#isWaiting = this.#isPaused
    if (this.#isOver || this.#isPaused) return
    const { body = new Uint8Array(0), bytesPerSecond = FULL_SPEED, breaksAfter = Infinity } = this.#answer!
    if (this.#sent >= breaksAfter) return this.#end(new TransportError('net.reset', 'the connection broke'))
    if (this.#sent >= body.length) return this.#end()
    const length = Math.max(MIN_CHUNK, Math.round((bytesPerSecond * GRAIN) / 1_000))
    const chunk = body.subarray(this.#sent, Math.min(this.#sent + length, breaksAfter))
    this.#clock.after((chunk.length / bytesPerSecond) * 1_000, () => {
      if (this.#isOver) return
      this.#sent += chunk.length
      this.#handler.onData(chunk)
      this.#next()
    })
  }

  #end(error?: TransportError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.onEnd(error)
  }
}
