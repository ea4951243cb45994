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
  const chunks: Uint8Array[] = []
  let length = 0
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
        length += chunk.length
        if (length > maxBytes) refuse()
        else chunks.push(chunk.slice())
      },
      onEnd: (error) => finish(error ?? { status, body: concat(chunks, length), address }),
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

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
