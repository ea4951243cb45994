/**
 * Web servers that answer as an input says, a line an answer:
 *
 *     301|location: http://lan/|
 *     206|content-range: bytes 0-9/100|10
 *
 * Status, headers, then the number of bytes that are sent; `!` behind it: then the connection breaks.
 */
import type {
  Clock,
  HttpClient,
  HttpExchange,
  HttpHandler,
  HttpRequest,
  Resolver,
} from '../../src/protocol/ports.ts'
import { TransportError } from '../../src/protocol/errors.ts'

/** Bytes of a body. */
const MAX_BODY = 100_000

/** In which networks names lie. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  pub: ['93.184.216.34', '2606:2800:220:1::1'],
  lan: ['10.0.0.7'],
  six: ['fd00::7'],
  loop: ['127.0.0.1', '::1'],
  both: ['93.184.216.34', '10.0.0.7'],
  bogus: ['0.0.0.0', '255.255.255.255'],
  none: [],
}

export class ScriptedHttp implements HttpClient, Resolver {
  readonly requests: HttpRequest[] = []
  readonly statuses: number[] = []
  readonly #lines: string[]
  readonly #clock: Clock

  constructor(lines: readonly string[], clock: Clock) {
    this.#lines = [...lines]
    this.#clock = clock
  }

  resolve(host: string, _family: unknown, onResult: (addresses: readonly string[]) => void): void {
    this.#clock.after(1, () => onResult(Object.hasOwn(ADDRESSES, host) ? ADDRESSES[host]! : []))
  }

  get(request: HttpRequest, handler: HttpHandler): HttpExchange {
    this.requests.push(request)
    const line = this.#lines.shift()
    const exchange = new ScriptedExchange(this.#clock, handler)
    exchange.answer(line, (status) => this.statuses.push(status))
    return exchange
  }

  close(): void {}
}

class ScriptedExchange implements HttpExchange {
  readonly #clock: Clock
  readonly #handler: HttpHandler
  #isOver = false
  #isPaused = false
  #waiting: (() => void) | undefined

  constructor(clock: Clock, handler: HttpHandler) {
    this.#clock = clock
    this.#handler = handler
  }

  /** @param line undefined: it refuses the connection */
  answer(line: string | undefined, onStatus: (status: number) => void): void {
    const [status = '', headers = '', body = ''] = line?.split('|') ?? []
    const fields = new Map(
      headers.split(';').map((header) => [name(header), header.replace(/^[^:]*:\s*/, '')]),
    )
    this.#later(() => this.#handler.onTurn())
    if (line === undefined)
      return this.#later(() => this.#end(new TransportError('net.refused', 'nobody is there')))
    this.#later(() => this.#handler.onConnected())
    this.#later(() => {
      onStatus(Number(status))
      this.#handler.onHead({ status: Number(status) || 0, header: (wanted) => fields.get(wanted) })
    })
    let left = Math.min(MAX_BODY, Math.abs(Number.parseInt(body, 10)) || 0)
    const send = (): void => {
      if (this.#isPaused) return void (this.#waiting = send)
      if (left === 0)
        return this.#end(body.endsWith('!') ? new TransportError('net.reset', 'it broke') : undefined)
      // Chunks of all lengths.
      const length = Math.max(1, Math.min(left, left % 20_011))
      left -= length
      this.#handler.onData(new Uint8Array(length).fill(left))
      this.#later(send)
    }
    this.#later(send)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) this.#later(waiting)
  }

  cancel(): void {
    this.#isOver = true
  }

  #later(what: () => void): void {
    this.#clock.after(1, () => {
      if (!this.#isOver) what()
    })
  }

  #end(error?: TransportError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.onEnd(error)
  }
}

function name(header: string): string {
  return header.replace(/:.*$/s, '').trim().toLowerCase()
}
