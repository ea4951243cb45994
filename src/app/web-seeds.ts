/** The web seeds of one torrent (BEP 19): each is a supplier of blocks like a peer. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import { MAX_NAMED_BLOCKS, type Conviction } from '../peer/block-evidence.ts'
import type { PeerEvent } from '../peer/events.ts'
import { WebSeed } from '../peer/web-seed.ts'
import type { HttpPorts } from '../protocol/http-request.ts'
import type { Bandwidth, Cancel, Emit, Millis, Random } from '../protocol/ports.ts'
import type { Downloader } from './downloader.ts'
import type { PeerSnapshot } from './peer-snapshot.ts'

/** Web seeds of one torrent; further ones are not used. */
const MAX_WEB_SEEDS = 16
const TICK: Millis = 2_000

export interface WebSeedsOptions {
  readonly metainfo: Metainfo
  /** URLs from a link, besides those of the metainfo. */
  readonly urls: readonly string[]
  readonly downloader: Downloader
  readonly ports: HttpPorts
  readonly random: Random
  /** The budget for receiving, shared with others. */
  readonly download: Bandwidth
  /** Of the sources of blocks: never used again. */
  readonly nextId: () => number
  readonly emit: Emit<PeerEvent>
}

export class WebSeeds {
  readonly #options: WebSeedsOptions
  readonly #seeds = new Map<number, WebSeed>()
  /** Payload bytes from those that are gone. */
  #downloadedBefore = 0
  #cancelTick: Cancel = () => {}

  constructor(options: WebSeedsOptions) {
    this.#options = options
  }

  /** Starts using them: something is missing. */
  start(): void {
    const { metainfo, urls, downloader, nextId } = this.#options
    const all = [...new Set([...metainfo.webSeeds, ...urls])].filter(isWebUrl)
    for (const url of all.slice(0, MAX_WEB_SEEDS)) {
      const seed = new WebSeed({
        ...this.#options,
        ...metainfo,
        id: nextId(),
        url,
        observer: {
          onBlock: (from, range, block) => downloader.onBlocks(from, range, block),
          onBlocksEnd: (from) => downloader.onSupplyEnd(from),
          onChoke: (from) => downloader.onChoke(from),
          onUnchoke: (from) => downloader.onUnchoke(from),
          onClosed: (from) => this.#remove(from),
        },
      })
      this.#seeds.set(seed.id, seed)
      downloader.addPeer(seed)
    }
    if (this.#seeds.size > 0) this.#tickLater()
  }

  /** @returns whether the source is one of these */
  onCulprit({ id, piece, blocks }: Conviction): boolean {
    const seed = this.#seeds.get(id)
    seed?.drop(
      blocks
        ? `it sent blocks that are not those of piece ${piece}: ${blocks.slice(0, MAX_NAMED_BLOCKS).join(', ')}`
        : `it alone sent piece ${piece}, which does not have its hash`,
    )
    return seed !== undefined
  }

  /** Stops using them: nothing is missing any more, or the torrent is closed. */
  stop(): void {
    this.#cancelTick()
    // All at once, so that what one leaves is not requested from the next.
    for (const seed of this.#seeds.values()) seed.close()
    for (const seed of [...this.#seeds.values()]) this.#remove(seed)
  }

  /** Payload bytes since the start. */
  get downloaded(): number {
    let sum = this.#downloadedBefore
    for (const seed of this.#seeds.values()) sum += seed.downloaded
    return sum
  }

  /** Bytes per second. */
  downRate(now: Millis): number {
    let sum = 0
    for (const seed of this.#seeds.values()) sum += seed.downRate.rate(now)
    return sum
  }

  snapshot(now: Millis): PeerSnapshot[] {
    const { downloader, metainfo } = this.#options
    return Array.from(this.#seeds.values(), (seed) => {
      const inFlight = downloader.inFlight(seed)
      return {
        peer: seed.address,
        state: seed.isChokingUs ? 'choking' : inFlight > 0 ? 'downloading' : 'waiting',
        client: 'web seed',
        have: metainfo.geometry.pieceCount,
        downloaded: seed.downloaded,
        uploaded: 0,
        downRate: seed.downRate.rate(now),
        upRate: 0,
        inFlight,
      }
    })
  }

  #remove(seed: WebSeed): void {
    if (!this.#seeds.delete(seed.id)) return
    this.#downloadedBefore += seed.downloaded
    this.#options.downloader.removePeer(seed)
  }

  #tickLater(): void {
    const { ports, downloader } = this.#options
    this.#cancelTick = ports.clock.after(TICK, () => {
      for (const seed of [...this.#seeds.values()])
        seed.onTick(ports.clock.now(), downloader.acceptedBytes - seed.downloaded)
      this.#tickLater()
    })
  }
}

function isWebUrl(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url)
}
