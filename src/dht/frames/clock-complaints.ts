/** In a network with a key, everybody ignores a node whose clock is wrong, so its user must know. */
import { formatEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import type { Clock, Emit, Millis } from '../../protocol/ports.ts'
import type { DhtEvent } from '../events.ts'

/** At most so often. */
const INTERVAL: Millis = 60_000

export class ClockComplaints {
  readonly #clock: Clock
  readonly #emit: Emit<DhtEvent>
  #at: Millis = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, emit: Emit<DhtEvent>) {
    this.#clock = clock
    this.#emit = emit
  }

  /** @param unixMs the time at `teller`, which refused our request */
  onTold(teller: Endpoint, unixMs: number): void {
    const now = this.#clock.now()
    if (now < this.#at + INTERVAL) return
    this.#at = now
    const aheadSeconds = Math.round((unixMs - this.#clock.wallNow()) / 1_000)
    this.#emit({ event: 'dht_clock', node: formatEndpoint(teller), aheadSeconds })
  }
}
