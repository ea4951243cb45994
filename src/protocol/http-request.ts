/**
 * One HTTP question with its redirects. Names are resolved here and the address that was looked at is the one that is
 * connected to, so that no server can send us into a network that it does not share with us (SSRF, DNS rebinding).
 */
import {
  canonicalIp,
  endpointOf,
  familyOf,
  isNarrower,
  scopeOf,
  type Family,
  type Scope,
} from './endpoint.ts'
import { ProtocolError, TransportError } from './errors.ts'
import type { Cancel, Clock, HttpClient, HttpExchange, HttpHead, Millis, Resolver } from './ports.ts'

/** Redirects that are followed. */
export const MAX_REDIRECTS = 5
/** Addresses of a name that are tried when connecting fails. */
export const MAX_HTTP_ADDRESSES = 3
/** An address that has not taken the connection by then is left for the next one. */
export const HTTP_CONNECT_TIMEOUT: Millis = 3_000

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
  /**
   * Until the head of the last answer, redirects and name look-ups counted, but not the time that is spent behind our
   * own other requests to the same server.
   */
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
  /** Of the time to the head, when the timer was started or stopped. */
  #headTimeLeft: Millis
  /** Undefined while it stands still. */
  #timerStartedAt: Millis | undefined
  #cancelHeadTimer: Cancel = () => {}
  #cancelConnectTimer: Cancel = () => {}
  #redirects = 0
  #isOver = false
  #isPaused = false

  constructor(ports: HttpPorts, question: HttpQuestion, handler: HttpAnswerHandler) {
    this.#ports = ports
    this.#question = question
    this.#handler = handler
    this.#headTimeLeft = question.headTimeoutMs
    this.#startHeadTimer()
    this.#visit(question.url, undefined)
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
    this.#cancelHeadTimer()
    this.#leave()
  }

  /** @param teller scope of the server that sent us here; undefined when the user or the metainfo did */
  #visit(url: URL, teller: Scope | undefined): void {
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      return this.#endLater(
        new ProtocolError('http.bad-url', `${url.protocol} is not a scheme that is fetched`),
      )
    // A URL normalises what is an IPv4 literal in disguise.
    const { host } = endpointOf(url)
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
    const reachable = known.filter((address) => scopeOf(address) !== 'bogus')
    if (reachable.length === 0)
      return this.#endLater(
        new ProtocolError('http.bad-url', `${url.host} has only addresses that nobody can have`),
      )
    // A name with one address out there and one in here is made to be asked again until the other comes up.
    if (teller !== undefined && reachable.some((address) => isNarrower(scopeOf(address), teller)))
      return this.#endLater(
        new ProtocolError('http.redirect', `redirected to ${url.host}, which lies in a narrower network`),
      )
    this.#connect(url, alternating(reachable).slice(0, MAX_HTTP_ADDRESSES))
  }

  #connect(url: URL, [address, ...others]: readonly string[]): void {
    let hasHead = false
    const { headers } = this.#question
    const tryNext = (): void => {
      this.#leave()
      this.#connect(url, others)
    }
    this.#stopHeadTimer()
    this.#exchange = this.#ports.http.get(
      { url, address: address!, ...(headers && { headers }) },
      {
        onTurn: () => {
          this.#startHeadTimer()
          if (others.length > 0)
            this.#cancelConnectTimer = this.#ports.clock.after(HTTP_CONNECT_TIMEOUT, tryNext)
        },
        onConnected: () => this.#cancelConnectTimer(),
        onHead: (head) => {
          hasHead = true
          if (REDIRECTS.has(head.status)) return this.#redirect(url, head.header('location'), address!)
          this.#cancelHeadTimer()
          this.#handler.onHead(head, address!)
        },
        onData: (chunk) => this.#handler.onData(chunk),
        onEnd: (error) => {
          if (error !== undefined && !hasHead && others.length > 0) tryNext()
          else this.#end(error)
        },
      },
    )
    if (this.#isPaused) this.#exchange.pause()
  }

  #redirect(from: URL, location: string | undefined, address: string): void {
    this.#leave()
    const refuse = (why: string): void =>
      this.#end(new ProtocolError('http.redirect', `${from.host}: ${why}`))
    if (++this.#redirects > MAX_REDIRECTS) return refuse(`more than ${MAX_REDIRECTS} redirects`)
    const to = location === undefined ? null : URL.parse(location, from.href)
    if (to === null) return refuse('a redirect that leads nowhere')
    if (from.protocol === 'https:' && to.protocol !== 'https:')
      return refuse('a redirect that gives up encryption')
    // Who we are is said to the server that it was meant for, and no server has a say in who we claim to be elsewhere.
    const isSameServer = to.origin === from.origin
    to.username = isSameServer ? from.username : ''
    to.password = isSameServer ? from.password : ''
    this.#visit(to, scopeOf(address))
  }

  #startHeadTimer(): void {
    const { clock } = this.#ports
    this.#stopHeadTimer()
    this.#timerStartedAt = clock.now()
    this.#cancelHeadTimer = clock.after(this.#headTimeLeft, () => {
      const { url, headTimeoutMs } = this.#question
      this.#end(new TransportError('net.timeout', `${url.host}: no answer within ${headTimeoutMs / 1_000} s`))
    })
  }

  #stopHeadTimer(): void {
    if (this.#timerStartedAt === undefined) return
    this.#cancelHeadTimer()
    this.#headTimeLeft = Math.max(0, this.#headTimeLeft - (this.#ports.clock.now() - this.#timerStartedAt))
    this.#timerStartedAt = undefined
  }

  /** Leaves the server that is being asked. */
  #leave(): void {
    this.#cancelConnectTimer()
    this.#exchange?.cancel()
    this.#exchange = undefined
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

/** By turns of each family, that of the first leading: when one of them leads nowhere, the other is soon tried (RFC 8305). */
function alternating(addresses: readonly string[]): string[] {
  const isLeading = (address: string): boolean => familyOf(address) === familyOf(addresses[0]!)
  const leading = addresses.filter(isLeading)
  const following = addresses.filter((address) => !isLeading(address))
  return leading
    .flatMap((address, i) => [address, ...following.slice(i, i + 1)])
    .concat(following.slice(leading.length))
}
