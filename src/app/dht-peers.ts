/** Peers from the JSON DHT: announces us, looks up others, and hears of peers that announce to this node. */
import type { DhtService } from '../dht/service.ts'
import { spread } from '../protocol/chance.ts'
import type { Endpoint } from '../protocol/endpoint.ts'
import type { Cancel, Clock, Millis, Random } from '../protocol/ports.ts'
import type { PeerSource, Wanted } from './discovery.ts'

/** The first lookup is repeated after this long, then after twice as long each time … */
const MIN_POLL_MS = 1_000
/** … up to this. */
const MAX_POLL_MS = 60_000
/** Each wait is longer or shorter by up to this share, at random, so that a fleet that started together spreads out. */
const POLL_JITTER = 0.2

export class DhtPeers implements PeerSource {
  readonly name = 'dht'
  readonly isAllowedForPrivate = false
  readonly #dht: DhtService
  readonly #clock: Clock
  readonly #random: Random
  #wanted: Wanted | undefined
  #onPeers: (peers: readonly Endpoint[]) => void = () => {}
  #pollMs: Millis = MIN_POLL_MS
  #cancels: { announce?: Cancel; watch?: Cancel; poll?: Cancel } = {}

  constructor(dht: DhtService, clock: Clock, random: Random) {
    this.#dht = dht
    this.#clock = clock
    this.#random = random
  }

  start(wanted: Wanted, onPeers: (peers: readonly Endpoint[]) => void): void {
    this.#wanted = wanted
    this.#onPeers = onPeers
    this.#cancels.watch = this.#dht.watch(wanted.infoHash, onPeers)
    this.refresh()
  }

  refresh(): void {
    const wanted = this.#wanted
    if (wanted === undefined) return
    this.#announce(wanted)
    this.#pollMs = MIN_POLL_MS
    this.#poll(wanted)
  }

  /** The nodes that hold our record learn that we are a seed. */
  onComplete(): void {
    if (this.#wanted) this.#announce(this.#wanted)
  }

  stop(onStopped: () => void): void {
    this.#wanted = undefined
    for (const cancel of Object.values(this.#cancels)) cancel()
    this.#cancels = {}
    onStopped()
  }

  #announce(wanted: Wanted): void {
    const port = wanted.listening[0]?.port
    if (port !== undefined)
      this.#cancels.announce = this.#dht.announce(wanted.infoHash, port, { isSeed: wanted.isSeed() })
  }

  #poll(wanted: Wanted): void {
    this.#cancels.poll?.()
    if (!wanted.needsPeers()) return this.#pollLater(wanted)
    this.#cancels.poll = this.#dht.lookup(wanted.infoHash, this.#onPeers, () => this.#pollLater(wanted))
  }

  #pollLater(wanted: Wanted): void {
    const wait = spread(this.#pollMs, POLL_JITTER, this.#random)
    this.#cancels.poll = this.#clock.after(wait, () => this.#poll(wanted))
    this.#pollMs = Math.min(MAX_POLL_MS, 2 * this.#pollMs)
  }
}
