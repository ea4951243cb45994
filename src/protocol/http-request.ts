/**
 * One HTTP question with its redirects. Names are resolved here and the address that was looked at is the one that is
 * connected to, so that no server can send us into a network that it does not share with us (SSRF, DNS rebinding).
 */
import { canonicalIp, familyOf, isNarrower, scopeOf, type Family, type Scope } from './endpoint.ts'
import { ProtocolError, TransportError } from './errors.ts'
import type { Cancel, Clock, HttpClient, HttpExchange, HttpHead, Millis, Resolver } from './ports.ts'

/** Redirects that are followed. */
export const MAX_REDIRECTS = 5
/** Addresses of a name that are tried when connecting fails. */
export const MAX_HTTP_ADDRESSES = 3

export interface HttpPorts {
  readonly http: HttpClient
  readonly resolver: Resolver
  readonly clock: Clock
}

export interface HttpQuestion {
  readonly url: URL
  /** Addresses of this family only; of any when missing. */
  readonly family?: Family | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Until the head of the last answer, redirects and name look-ups counted. */
  readonly headTimeoutMs: Millis
}

export interface HttpAnswerHandler {
  /** @param address the IP literal that answered */
  onHead(head: HttpHead, address: string): void
  /** Valid only during the call. */
  onData(chunk: Uint8Array): void
  /** The last call, in a later turn than the question. */
  onEnd(error?: ProtocolError | TransportError): void
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Asks. Ends in one `onEnd` unless cancelled; a status that is no success is an answer like any other. */
export function openRequest(
  ports: HttpPorts,
  question: HttpQuestion,
  handler: HttpAnswerHandler,
): HttpExchange {
  return new Asking(ports, question, handler)
}

class Asking implements HttpExchange {
  readonly #ports: HttpPorts
  readonly #question: HttpQuestion
  readonly #handler: HttpAnswerHandler
  #exchange: HttpExchange | undefined
  #cancelTimeout: Cancel
  #redirects = 0
  #isOver = false
  #isPaused = false

  constructor(ports: HttpPorts, question: HttpQuestion, handler: HttpAnswerHandler) {
    this.#ports = ports
    this.#question = question
    this.#handler = handler
    const { url, headTimeoutMs } = question
    this.#cancelTimeout = ports.clock.after(headTimeoutMs, () =>
      this.#end(
        new TransportError('net.timeout', `${url.host}: no answer within ${headTimeoutMs / 1_000} s`),
      ),
    )
    this.#visit(url, undefined)
  }

  pause(): void {
    this.#isPaused = true
    this.#exchange?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#exchange?.resume()
  }

  cancel(): void {
    this.#isOver = true
    this.#cancelTimeout()
    this.#exchange?.cancel()
    this.#exchange = undefined
  }

  /** @param teller scope of the server that sent us here; undefined when the user or the metainfo did */
  #visit(url: URL, teller: Scope | undefined): void {
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      return this.#endLater(
        new ProtocolError('http.bad-url', `${url.protocol} is not a scheme that is fetched`),
      )
    // A URL writes IPv6 literals in brackets, and normalises what is an IPv4 one in disguise.
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const literal = canonicalIp(host)
    if (literal !== undefined) return this.#reach(url, [literal], teller)
    this.#ports.resolver.resolve(host, this.#question.family, (addresses) => {
      if (!this.#isOver) this.#reach(url, addresses, teller)
    })
  }

  #reach(url: URL, addresses: readonly string[], teller: Scope | undefined): void {
    const { family } = this.#question
    const known = addresses.filter((address) => family === undefined || familyOf(address) === family)
    if (known.length === 0)
      return this.#endLater(new TransportError('net.unresolved', `${url.host}: the name has no address`))
    const allowed = known.filter((address) => {
      const scope = scopeOf(address)
      return scope !== 'bogus' && (teller === undefined || !isNarrower(scope, teller))
    })
    if (allowed.length < known.length)
      return this.#endLater(
        teller === undefined
          ? new ProtocolError('http.bad-url', `${url.host} has an address that nobody can have`)
          : new ProtocolError('http.redirect', `redirected to ${url.host}, which lies in a narrower network`),
      )
    this.#connect(url, allowed.slice(0, MAX_HTTP_ADDRESSES))
  }

  #connect(url: URL, [address, ...others]: readonly string[]): void {
    let hasHead = false
    const { headers } = this.#question
    this.#exchange = this.#ports.http.get(
      { url, address: address!, ...(headers && { headers }) },
      {
        onHead: (head) => {
          hasHead = true
          if (REDIRECTS.has(head.status)) return this.#redirect(url, head.header('location'), address!)
          this.#cancelTimeout()
          this.#handler.onHead(head, address!)
        },
        onData: (chunk) => this.#handler.onData(chunk),
        onEnd: (error) => {
          if (error !== undefined && !hasHead && others.length > 0) this.#connect(url, others)
          else this.#end(error)
        },
      },
    )
    if (this.#isPaused) this.#exchange.pause()
  }

  #redirect(from: URL, location: string | undefined, address: string): void {
    this.#exchange?.cancel()
    this.#exchange = undefined
    const refuse = (why: string): void =>
      this.#end(new ProtocolError('http.redirect', `${from.host}: ${why}`))
    if (++this.#redirects > MAX_REDIRECTS) return refuse(`more than ${MAX_REDIRECTS} redirects`)
    const to = location === undefined ? null : URL.parse(location, from.href)
    if (to === null) return refuse('a redirect that leads nowhere')
    if (from.protocol === 'https:' && to.protocol !== 'https:')
      return refuse('a redirect that gives up encryption')
    this.#visit(to, scopeOf(address))
  }

  #endLater(error: ProtocolError | TransportError): void {
    this.#ports.clock.after(0, () => this.#end(error))
  }

  #end(error?: ProtocolError | TransportError): void {
    if (this.#isOver) return
    this.cancel()
    this.#handler.onEnd(error)
  }
}
