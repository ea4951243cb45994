/** Peers from trackers (BEP 3, 12, 15): the metainfo's list, and each tracker that the user names. */
import { Announcer, type Announceable } from '../peer/tracker/announcer.ts'
import type { PeerEvent } from '../peer/events.ts'
import { Tracker, type TrackerPorts } from '../peer/tracker/tracker.ts'
import { familyOf, type Endpoint, type Family } from '../protocol/endpoint.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { Emit, Random } from '../protocol/ports.ts'
import { shownTracker } from '../protocol/shown-url.ts'
import type { PeerSource, Wanted } from './discovery.ts'

/** Announce lists of one torrent; further ones are not contacted. */
const MAX_ANNOUNCE_LISTS = 50
/** What we claim to be missing while that is unknown, so that nobody takes us for a seed. */
const UNKNOWN_LEFT = 16_384
const BOTH: readonly Family[] = [4, 6]

export interface TrackerPeersOptions extends TrackerPorts {
  readonly random: Random
  readonly peerId: PeerId
  readonly emit: Emit<PeerEvent>
}

export class TrackerPeers implements PeerSource {
  readonly name = 'tracker'
  readonly isAllowedForPrivate = true
  readonly #lists: readonly (readonly (readonly string[])[])[]
  readonly #options: TrackerPeersOptions
  #announcers: readonly Announcer[] = []

  /** @param lists each has tiers of URLs, and is contacted regardless of the others */
  constructor(lists: readonly (readonly (readonly string[])[])[], options: TrackerPeersOptions) {
    this.#lists = lists.slice(0, MAX_ANNOUNCE_LISTS)
    this.#options = options
  }

  start(wanted: Wanted, onPeers: (peers: readonly Endpoint[]) => void): void {
    const { random, peerId } = this.#options
    const families = [...new Set(wanted.listening.map(({ host }) => familyOf(host)))]
    const subject: Announceable = {
      infoHash: wanted.infoHash,
      peerId,
      key: random.int(2 ** 32),
      port: wanted.listening[0]?.port ?? 0,
      families: families.length > 0 ? families : BOTH,
      transferred() {
        const { uploaded, downloaded, left = UNKNOWN_LEFT } = wanted.totals()
        return { uploaded, downloaded, left }
      },
      needsPeers: () => wanted.needsPeers(),
    }
    this.#announcers = this.#lists
      .map((tiers) => tiers.map((tier) => this.#trackers(tier)).filter((tier) => tier.length > 0))
      .filter((tiers) => tiers.length > 0)
      .map((tiers) => new Announcer({ ...this.#options, tiers, subject, onPeers }))
    for (const announcer of this.#announcers) announcer.start()
  }

  refresh(): void {
    for (const announcer of this.#announcers) announcer.refresh()
  }

  onComplete(): void {
    for (const announcer of this.#announcers) announcer.onComplete()
  }

  stop(onStopped: () => void): void {
    let left = this.#announcers.length
    if (left === 0) return onStopped()
    for (const announcer of this.#announcers)
      announcer.stop(() => {
        if (--left === 0) onStopped()
      })
    this.#announcers = []
  }

  #trackers(urls: readonly string[]): Tracker[] {
    return urls.flatMap((text) => {
      const url = URL.parse(text)
      if (url !== null && Tracker.isSpoken(url)) return [new Tracker(url, this.#options)]
      this.#options.emit({
        event: 'tracker_error',
        tracker: shownTracker(text),
        kind: 'started',
        code: 'http.bad-url',
        reason: 'only http, https and udp trackers with a port are spoken to',
      })
      return []
    })
  }
}
