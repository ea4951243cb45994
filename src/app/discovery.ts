/** Where peers come from: one interface for all sources, and one gate, so that private torrents stay private. */
import type { PeerOrigin } from '../peer/peer-list.ts'
import type { Endpoint } from '../protocol/endpoint.ts'
import type { InfoHash } from '../protocol/ids.ts'

/** Payload bytes since the start, and those still missing; `left` is unknown until the metainfo is there. */
export interface TransferTotals {
  readonly downloaded: number
  readonly uploaded: number
  readonly left: number | undefined
}

/** What a source is told about the torrent that it finds peers for. */
export interface Wanted {
  readonly infoHash: InfoHash
  /** The TCP ports that we accept connections on; none when we do not listen. */
  readonly listening: readonly Endpoint[]
  /** Whether we have everything. Queried at each announce. */
  isSeed(): boolean
  /** Whether more candidates are of use now. A source that polls slows down while they are not. */
  needsPeers(): boolean
  totals(): TransferTotals
}

/** Who connects to the peers that sources find. */
export interface Company {
  isConnected(endpoint: Endpoint): boolean
  /** The user does not mean these any more: they are as good as any others. */
  disown(endpoints: readonly Endpoint[]): void
  /**
   * @param teller the host of the peer that told of them, when it was one
   * @returns how many of them were not known
   */
  addCandidates(endpoints: readonly Endpoint[], origin: PeerOrigin, teller?: string): number
}

export interface PeerSource {
  /** Appears in events and snapshots. */
  readonly name: PeerOrigin
  /** May serve a private torrent (BEP 27: only its trackers, and what the user names). */
  readonly isAllowedForPrivate: boolean
  /** Finds peers until `stop`, and calls `onPeers` whenever it learns of some. */
  start(wanted: Wanted, onPeers: (peers: readonly Endpoint[]) => void, company: Company): void
  /** Asks again now, because the user wants it. */
  refresh(): void
  /** The download just completed: those that were told that we are not a seed should hear it. */
  onComplete(): void
  /** Says goodbye where that is the custom, and calls `onStopped`, in a later turn or at once, when nothing is left to do. */
  stop(onStopped: () => void): void
}

/** Runs the sources of one torrent. */
export class Discovery {
  readonly #sources: readonly PeerSource[]
  readonly #company: Company
  #running: readonly PeerSource[] = []
  #isRunning = false

  constructor(sources: readonly PeerSource[], company: Company) {
    this.#sources = sources
    this.#company = company
  }

  start(wanted: Wanted, isPrivate: boolean): void {
    this.#isRunning = true
    this.#running = this.#sources.filter((source) => !isPrivate || source.isAllowedForPrivate)
    for (const source of this.#running)
      source.start(wanted, (peers) => this.#company.addCandidates(peers, source.name), this.#company)
  }

  /** The metainfo came late and says private: stops the sources that BEP 27 forbids. */
  restrict(): void {
    for (const source of this.#running) if (!source.isAllowedForPrivate) source.stop(() => {})
    this.#running = this.#running.filter((source) => source.isAllowedForPrivate)
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  refresh(): void {
    for (const source of this.#running) source.refresh()
  }

  onComplete(): void {
    for (const source of this.#running) source.onComplete()
  }

  /** @param onStopped called once, when every source is done */
  stop(onStopped: () => void): void {
    const stopping = this.#running
    this.#running = []
    this.#isRunning = false
    let left = stopping.length
    if (left === 0) return onStopped()
    for (const source of stopping)
      source.stop(() => {
        if (--left === 0) onStopped()
      })
  }
}
