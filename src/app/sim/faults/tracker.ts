/** The tracker of a simulated swarm, over HTTP: it names everybody that has announced, even the dead; now and then it fails. */
import { encodeBencode } from '../../../protocol/bencode-writer.ts'
import { COMPACT_LENGTH, packEndpoint, type Endpoint } from '../../../protocol/endpoint.ts'
import type { Random } from '../../../protocol/ports.ts'
import type { SimAnswer, SimServer } from '../http.ts'

export const TRACKER_SERVER = '10.1.0.2'
export const HTTP_TRACKER: string = `http://${TRACKER_SERVER}/announce`

/** One answer in this many goes wrong, until everything is repaired. */
const ONE_IN = 3
/** Late answers come up to this much later. */
export const LATE_MS = 20_000
/** Between two announces of a machine: the shortest that is kept. */
export const INTERVAL_SECONDS = 60
/** The failure reason, when it gives one. */
export const EXCUSE = 'the database is locked'

export class SimTracker {
  /** From now on every answer is right: after failures, a tracker is contacted ever more rarely. */
  isMended = false
  readonly #random: Random
  readonly #announced = new Map<string, Endpoint>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Whether the next answer goes wrong. */
  isFailing(): boolean {
    return !this.isMended && this.#random.int(ONE_IN) === 0
  }

  /** @returns those who are there, in the compact form of BEP 23 */
  hear(from: Endpoint, isLeaving: boolean): Uint8Array {
    if (isLeaving) this.#announced.delete(from.host)
    else this.#announced.set(from.host, from)
    const peers = new Uint8Array(COMPACT_LENGTH[4] * this.#announced.size)
    let at = 0
    for (const peer of this.#announced.values()) at = packEndpoint(peer, peers, at)
    return peers
  }

  /** @param host of the machine that asks */
  serverFor(host: string): SimServer {
    return ({ url }) => {
      if (url.pathname !== '/announce') return { status: 404 }
      return this.isFailing() ? this.#failure(host, url) : this.#answer(host, url)
    }
  }

  #answer(host: string, { searchParams }: URL): SimAnswer & { readonly body: Uint8Array } {
    const peers = this.hear(
      { host, port: Number(searchParams.get('port')) },
      searchParams.get('event') === 'stopped',
    )
    return { status: 200, body: encodeBencode({ interval: INTERVAL_SECONDS, peers }) }
  }

  #failure(host: string, url: URL): SimAnswer | undefined {
    switch (this.#random.int(4)) {
      case 0:
        return { ...this.#answer(host, url), delayMs: this.#random.int(LATE_MS) }
      case 1: {
        const answer = this.#answer(host, url)
        return { ...answer, breaksAfter: this.#random.int(answer.body.length) }
      }
      case 2:
        return { status: 200, body: encodeBencode({ 'failure reason': EXCUSE }) }
      default:
        return undefined
    }
  }
}
