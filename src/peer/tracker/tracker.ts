/** One tracker, by its URL: the same questions over HTTP and UDP, on each address family (BEP 7). */
import { canonicalIp, endpointOf, familyOf, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import { ProtocolError, TransportError } from '../../protocol/errors.ts'
import { fetchBody, type BodyAnswer } from '../../protocol/http-body.ts'
import type { HttpPorts } from '../../protocol/http-request.ts'
import type { InfoHash } from '../../protocol/ids.ts'
import type { Cancel, Millis } from '../../protocol/ports.ts'
import { shownTracker } from '../../protocol/shown-url.ts'
import type { Announce, AnnounceAnswer, ScrapeAnswer } from '../../protocol/tracker/announce.ts'
import { announceUrl, decodeAnnounce, decodeScrape, scrapeUrl } from '../../protocol/tracker/http.ts'
import type { UdpTrackers } from './udp-client.ts'

/** Bytes of an answer over HTTP. */
export const MAX_TRACKER_BODY = 1024 * 1024
/** How long its head, and all of it, may take. */
export const TRACKER_HEAD_TIMEOUT: Millis = 10_000
export const TRACKER_TIMEOUT: Millis = 30_000

const BOUNDS = {
  maxBytes: MAX_TRACKER_BODY,
  headTimeoutMs: TRACKER_HEAD_TIMEOUT,
  totalTimeoutMs: TRACKER_TIMEOUT,
} as const

export interface TrackerPorts extends HttpPorts {
  readonly udpTrackers: UdpTrackers
}

type Failure = ProtocolError | TransportError

/** What the tracker said to us on one family. */
export interface FamilyAnswer {
  readonly family: Family
  /** The tracker's address. */
  readonly address: string
  readonly answer: AnnounceAnswer
  readonly ms: Millis
}

export class Tracker {
  /** For events: its URL without what may be a passkey. */
  readonly shown: string
  readonly #url: URL
  readonly #ports: TrackerPorts
  #trackerId: Uint8Array | undefined

  constructor(url: URL, ports: TrackerPorts) {
    this.#url = url
    this.#ports = ports
    this.shown = shownTracker(url.href)
  }

  static isSpoken(url: URL): boolean {
    return (
      url.protocol === 'http:' || url.protocol === 'https:' || (url.protocol === 'udp:' && url.port !== '')
    )
  }

  /**
   * Announces on each family in which the tracker has an address.
   *
   * @param onDone called once, in a later turn, unless cancelled: with what it said, or with why no family had an answer
   */
  announce(
    announce: Announce,
    families: readonly Family[],
    onDone: (result: readonly FamilyAnswer[] | Failure) => void,
  ): Cancel {
    const startedAt = this.#ports.clock.now()
    const answers: FamilyAnswer[] = []
    let failure: Failure | undefined
    let left = families.length
    const cancels = families.map((family) =>
      this.#announceOn(family, announce, (result) => {
        if (result instanceof Error) failure = worse(failure, result)
        else answers.push({ ...result, family, ms: Math.round(this.#ports.clock.now() - startedAt) })
        if (--left === 0) onDone(answers.length > 0 ? answers : failure!)
      }),
    )
    return () => {
      for (const cancel of cancels) cancel()
    }
  }

  /** @param onDone gets undefined when the tracker cannot tell, or does not know the torrent */
  scrape(infoHash: InfoHash, onDone: (result: ScrapeAnswer | undefined | Failure) => void): Cancel {
    if (this.#url.protocol === 'udp:')
      return this.#resolve(undefined, (address) =>
        address instanceof Error
          ? onDone(address)
          : this.#ports.udpTrackers.scrape(this.#endpoint(address), infoHash, onDone),
      )
    const url = scrapeUrl(this.#url, infoHash)
    if (url === undefined) return this.#ports.clock.after(0, () => onDone(undefined))
    return fetchBody(this.#ports, { question: { url }, limits: BOUNDS }, (result) =>
      onDone(result instanceof Error ? result : read(result, (body) => decodeScrape(body, infoHash))),
    )
  }

  #announceOn(
    family: Family,
    announce: Announce,
    onDone: (result: Pick<FamilyAnswer, 'address' | 'answer'> | Failure) => void,
  ): Cancel {
    if (this.#url.protocol === 'udp:')
      return this.#resolve(family, (address) => {
        if (address instanceof Error) return onDone(address)
        const urlData = `${this.#url.pathname}${this.#url.search}`
        return this.#ports.udpTrackers.announce(this.#endpoint(address), { announce, urlData }, (answer) =>
          onDone(answer instanceof Error ? answer : { address, answer }),
        )
      })
    const url = announceUrl(this.#url, announce, this.#trackerId)
    return fetchBody(this.#ports, { question: { url, family }, limits: BOUNDS }, (result) => {
      if (result instanceof Error) return onDone(result)
      const answer = read(result, decodeAnnounce)
      if (answer instanceof Error) return onDone(answer)
      this.#trackerId = answer.trackerId ?? this.#trackerId
      onDone({ address: result.address, answer })
    })
  }

  /** Calls `next` in a later turn, with the first address of the host; what `next` returns is cancelled with it. */
  #resolve(family: Family | undefined, next: (address: string | TransportError) => Cancel | void): Cancel {
    const { host } = endpointOf(this.#url)
    let isCancelled = false
    let cancelNext: Cancel | void
    const go = (addresses: readonly string[]): void => {
      if (isCancelled) return
      const address = addresses.find((each) => family === undefined || familyOf(each) === family)
      cancelNext = next(address ?? new TransportError('net.unresolved', `${host}: the name has no address`))
    }
    const literal = canonicalIp(host)
    const cancelStart = this.#ports.clock.after(0, () => {
      if (literal !== undefined) go([literal])
      else this.#ports.resolver.resolve(host, family, go)
    })
    return () => {
      isCancelled = true
      cancelStart()
      cancelNext?.()
    }
  }

  #endpoint(host: string): Endpoint {
    return { host, port: endpointOf(this.#url).port }
  }
}

/** Trackers explain failures in the body, whatever the status says. */
function read<T>({ status, body }: BodyAnswer, decode: (body: Uint8Array) => T): T | ProtocolError {
  try {
    return decode(body)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const isExplained = error.code === 'tracker.failure' || (status >= 200 && status < 300)
    return isExplained
      ? error
      : new ProtocolError('http.status', `the tracker answered with status ${status}`)
  }
}

/** That a name has no address of one family tells less than any other failure. */
function worse(a: Failure | undefined, b: Failure): Failure {
  return a === undefined || a.code === 'net.unresolved' ? b : a
}
