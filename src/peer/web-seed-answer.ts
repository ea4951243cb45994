/** What the status and headers of a web seed's answer mean for us. */
import type { FileSpan } from '../metainfo/geometry.ts'
import { ProtocolError, TransportError } from '../protocol/errors.ts'
import type { HttpHead, Millis } from '../protocol/ports.ts'

/** The longest pause that a server may ask for (`Retry-After`). */
const MAX_RETRY_AFTER: Millis = 3_600_000

/** Statuses that mean "not now", beside those of 500 and above: the server has waited too long, or wants fewer requests. */
const BUSY: ReadonlySet<number> = new Set([408, 425, 429])

/** The server does not have what we need, and will not have it later. After any other failure it is tried again. */
export class UselessSeed extends ProtocolError {}

/** The server asks us to come back later. */
export class BusySeed extends TransportError {
  readonly retryAfter: Millis | undefined

  constructor(status: number, retryAfter: Millis | undefined) {
    super('net.failed', `the server answered with status ${status}`)
    this.retryAfter = retryAfter
  }
}

/**
 * Whether the server is about to send the bytes that it was asked for.
 *
 * @param span the part of a file that was requested
 * @param fileLength bytes of the whole file
 * @returns why not; undefined when it is
 */
export function faultOf(
  head: HttpHead,
  span: FileSpan,
  fileLength: number,
): ProtocolError | TransportError | undefined {
  const { status } = head
  if (status === 206) {
    const [, first, last, total] =
      /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(head.header('content-range') ?? '') ?? []
    const isRight =
      Number(first) === span.offset &&
      Number(last) === span.offset + span.length - 1 &&
      (total === '*' || Number(total) === fileLength)
    return isRight
      ? undefined
      : new UselessSeed('http.bad-range', 'the server sends other bytes than it was asked for')
  }
  if (status === 200) {
    const length = head.header('content-length')
    const isWhole = span.length === fileLength && (length === undefined || Number(length) === fileLength)
    return isWhole
      ? undefined
      : new UselessSeed('http.bad-range', 'the server does not serve ranges of this file')
  }
  if (BUSY.has(status) || status >= 500) return new BusySeed(status, retryAfter(head.header('retry-after')))
  return new UselessSeed('http.status', `the server answered with status ${status}`)
}

/** Only a number of seconds is understood: to make sense of a date, we would have to know the server's clock. */
function retryAfter(value: string | undefined): Millis | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value)
    ? Math.min(MAX_RETRY_AFTER, 1_000 * Number(value))
    : undefined
}
