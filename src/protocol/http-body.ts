/** A whole HTTP answer, of a length that is known to be bearable. */
import type { Family } from './endpoint.ts'
import { ProtocolError, TransportError } from './errors.ts'
import { openRequest, type HttpPorts } from './http-request.ts'
import type { Cancel, Millis } from './ports.ts'

export interface BodyQuestion {
  readonly url: URL
  readonly family?: Family | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export interface BodyLimits {
  /** Bytes, after decompression. */
  readonly maxBytes: number
  readonly headTimeoutMs: Millis
  readonly totalTimeoutMs: Millis
}

export interface BodyAnswer {
  /** Whatever it is: servers explain failures in the body. */
  readonly status: number
  readonly body: Uint8Array
  /** The IP literal that answered. */
  readonly address: string
}

/** Ends in one call of `onDone`, in a later turn, unless cancelled. */
export function fetchBody(
  ports: HttpPorts,
  { question, limits }: { readonly question: BodyQuestion; readonly limits: BodyLimits },
  onDone: (result: BodyAnswer | ProtocolError | TransportError) => void,
): Cancel {
  const { maxBytes, headTimeoutMs, totalTimeoutMs } = limits
  const { host } = question.url
  const body = new GrowingBytes(maxBytes)
  let status = 0
  let address = ''
  const finish = (result: BodyAnswer | ProtocolError | TransportError): void => {
    cancelTimeout()
    exchange.cancel()
    onDone(result)
  }
  const refuse = (): void =>
    finish(new ProtocolError('http.oversize', `${host}: the answer is longer than ${maxBytes} bytes`))
  const exchange = openRequest(
    ports,
    { ...question, headTimeoutMs },
    {
      onHead(head, from) {
        status = head.status
        address = from
        if (Number(head.header('content-length') ?? 0) > maxBytes) refuse()
      },
      onData(chunk) {
        if (!body.append(chunk)) refuse()
      },
      onEnd: (error) => finish(error ?? { status, body: body.whole(), address }),
    },
  )
  const cancelTimeout = ports.clock.after(totalTimeoutMs, () =>
    finish(new TransportError('net.timeout', `${host}: no whole answer within ${totalTimeoutMs / 1_000} s`)),
  )
  return () => {
    cancelTimeout()
    exchange.cancel()
  }
}

/** One buffer, never more than twice what has come: a list of chunks would cost a hundred times as much when each is one byte. */
class GrowingBytes {
  readonly #maxLength: number
  #bytes = new Uint8Array(0)
  #length = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** @returns whether there was room */
  append(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.length
    if (length > this.#maxLength) return false
    if (length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.min(this.#maxLength, 2 * length))
      bytes.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = bytes
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = length
    return true
  }

  whole(): Uint8Array {
    return this.#bytes.length === this.#length ? this.#bytes : this.#bytes.slice(0, this.#length)
  }
}
