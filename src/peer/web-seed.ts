/**
 * A web server that has the payload (BEP 19), scheduled as a peer is: asked for blocks, which it sends over HTTP in ranges.
 * It has every piece, and "chokes" us while it is silent and while it is given a rest after a failure.
 */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import { endpointOf, formatEndpoint } from '../protocol/endpoint.ts'
import type { ProtocolError, TransportError } from '../protocol/errors.ts'
import type { HttpPorts } from '../protocol/http-request.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Bandwidth, Cancel, Emit, Millis, Random } from '../protocol/ports.ts'
import { shownFileUrl } from '../protocol/shown-url.ts'
import type { BlockSupplier } from './block-supplier.ts'
import type { PeerEvent } from './events.ts'
import { RateMeter } from './rate-meter.ts'
import { ReadingGate, type Hold } from './reading-gate.ts'
import { BusySeed, UselessSeed } from './web-seed-answer.ts'
import { WebSeedRun } from './web-seed-run.ts'
import { fileUrl } from './web-seed-url.ts'
import { WebSeedWindow } from './web-seed-window.ts'

/** Requests under way to one seed. */
export const MAX_WEB_SEED_RUNS = 4
/** Bytes of one of them: a failure costs no more than that, and others get their turn. */
export const MAX_RUN_BYTES = 4 * 2 ** 20
/** The first pause after a failure; doubled with each further one … */
const MIN_PAUSE: Millis = 2_000
/** … up to this. */
const MAX_PAUSE: Millis = 120_000
/** Failures in a row, without a block between them, after which a seed is no longer used. */
export const MAX_WEB_SEED_FAILURES = 5
/** A seed with requests all the time that sent fewer than this many bytes in the period below is too slow to be of use. */
const MIN_PROGRESS = 64 * 1024
const PROGRESS_PERIOD: Millis = 60_000
/** A seed that takes longer than this to send a block … */
const LATE: Millis = 10_000
/** … is of no use either beside others that have sent so many times as much: without it they would be done sooner. */
const FASTER = 10

/** What a web seed tells. */
export interface WebSeedObserver {
  onBlock(seed: WebSeed, range: BlockRange, block: Uint8Array): void
  onBlocksEnd(seed: WebSeed): void
  onChoke(seed: WebSeed): void
  onUnchoke(seed: WebSeed): void
  /** It is not used any more. */
  onClosed(seed: WebSeed): void
}

export interface WebSeedOptions {
  readonly id: number
  readonly url: string
  readonly name: string
  readonly isSingleFile: boolean
  readonly geometry: PieceGeometry
  readonly ports: HttpPorts
  readonly random: Random
  readonly download: Bandwidth
  readonly observer: WebSeedObserver
  readonly emit: Emit<PeerEvent>
}

export class WebSeed implements BlockSupplier {
  readonly id: number
  readonly address: string
  readonly pieces: Bitfield
  readonly prefersRuns = true
  readonly downRate: RateMeter = new RateMeter()
  readonly window: BlockSupplier['window']
  readonly #options: WebSeedOptions
  readonly #shown: string
  readonly #gate: ReadingGate
  readonly #window = new WebSeedWindow()
  readonly #runs = new Set<WebSeedRun>()
  /** Asked for, and in no run yet. */
  #waiting: BlockRange[] = []
  /** All that is asked for and has not come: when it was asked, by number; the oldest first. */
  readonly #outstanding = new Map<number, Millis>()
  #isWanted = false
  #isResting = false
  #isSilent = false
  #isClosed = false
  #failures = 0
  #downloaded = 0
  #progressAt: Millis
  #progress = 0
  /** Since when nothing keeps us from reading. */
  #readingSince: Millis
  #wasLate = false
  #cancelRest: Cancel = () => {}

  constructor(options: WebSeedOptions) {
    this.#options = options
    this.id = options.id
    const url = new URL(options.url)
    this.address = formatEndpoint(endpointOf(url))
    this.#shown = shownFileUrl(options.url)
    this.pieces = Bitfield.full(options.geometry.pieceCount)
    const { clock } = options.ports
    this.#progressAt = clock.now()
    this.#readingSince = clock.now()
    const reading = {
      pause: () => {
        for (const run of this.#runs) run.pause()
      },
      resume: () => {
        this.#readingSince = clock.now()
        for (const run of this.#runs) run.resume()
      },
    }
    this.#gate = new ReadingGate(reading, options.download)
    const windowSize = (): number => this.#window.size(this.downRate.rate(clock.now()))
    this.window = {
      get size() {
        return windowSize()
      },
      onStall: () => this.#onStall(),
    }
  }

  has(piece: number): boolean {
    return this.pieces.has(piece)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get isHeld(): boolean {
    return this.#gate.isHeld
  }

  get isChokingUs(): boolean {
    return this.#isResting || this.#isSilent
  }

  get isWanted(): boolean {
    return this.#isWanted
  }

  /** Payload bytes. */
  get downloaded(): number {
    return this.#downloaded
  }

  setWanted(isWanted: boolean): void {
    this.#isWanted = isWanted
  }

  request(runs: readonly BlockRange[]): void {
    const now = this.#options.ports.clock.now()
    for (const run of runs) {
      const end = run.begin + run.length
      for (let { begin } = run; begin < end; begin += BLOCK_LENGTH) {
        const number = this.#numberOf(run.piece, begin)
        // What was released and is asked for again may be on its way still.
        if (this.#outstanding.has(number)) continue
        this.#outstanding.set(number, now)
        this.#waiting.push({ piece: run.piece, begin, length: Math.min(BLOCK_LENGTH, end - begin) })
      }
    }
    this.#pump()
  }

  cancel(ranges: readonly BlockRange[]): void {
    for (const { piece, begin, length } of ranges) {
      if (!this.#outstanding.delete(this.#numberOf(piece, begin))) continue
      this.#waiting = this.#waiting.filter((block) => block.piece !== piece || block.begin !== begin)
      for (const run of this.#runs) if (run.drop({ piece, begin, length })) this.#stop(run)
    }
    this.#pump()
  }

  hold(why: Hold): void {
    this.#gate.hold(why)
  }

  unhold(why: Hold): void {
    this.#gate.unhold(why)
  }

  /** It sends what it is asked for and nothing else: a block that came too late is no offence. */
  strike(): void {}

  /**
   * Every two seconds or so: one that is too slow goes.
   *
   * @param sentByOthers payload bytes of all other sources since this one was added
   */
  onTick(now: Millis, sentByOthers: number): void {
    const isIdle = this.#runs.size === 0 || this.#gate.isHeld
    const isLate = !isIdle && this.#isLate(now) && sentByOthers > FASTER * this.#downloaded
    // One that hung and goes on has old blocks, too, but not for long.
    if (isLate && this.#wasLate)
      return this.drop(
        `it is too slow: ${LATE / 1_000} s for a block, and others send ${FASTER} times as much`,
      )
    this.#wasLate = isLate
    if (isIdle || this.#downloaded - this.#progress >= MIN_PROGRESS) this.#markProgress(now)
    else if (now - this.#progressAt >= PROGRESS_PERIOD)
      this.drop(`it is too slow: ${this.#downloaded - this.#progress} bytes in ${PROGRESS_PERIOD / 1_000} s`)
  }

  /** Never again, and why. */
  drop(reason: string): void {
    if (this.#isClosed) return
    this.#options.emit({
      event: 'webseed_dropped',
      url: this.#shown,
      peer: this.address,
      reason,
      downloaded: this.#downloaded,
    })
    this.close()
    this.#options.observer.onClosed(this)
  }

  close(): void {
    this.#isClosed = true
    this.#cancelRest()
    this.#gate.close()
    this.#abandon()
  }

  #markProgress(now: Millis): void {
    this.#progressAt = now
    this.#progress = this.#downloaded
  }

  /** It sends, and yet it was asked long ago for something that has not come. One that is silent fails by itself. */
  #isLate(now: Millis): boolean {
    const [oldest] = this.#outstanding.values()
    if (oldest === undefined || this.downRate.rate(now) === 0) return false
    return now - Math.max(oldest, this.#readingSince) >= LATE
  }

  #numberOf(piece: number, begin: number): number {
    return this.#options.geometry.blockNumber(piece, begin / BLOCK_LENGTH)
  }

  /** Begins runs while there is room and something to ask for. */
  #pump(): void {
    while (!this.#isClosed && this.#runs.size < MAX_WEB_SEED_RUNS && this.#waiting.length > 0) this.#begin()
  }

  #begin(): void {
    const { ports, geometry, observer } = this.#options
    const run = new WebSeedRun({
      ports,
      geometry,
      urlOf: (file) => fileUrl(this.#options.url, this.#options, geometry.files[file]!)!,
      blocks: this.#takeRun(),
      isPaused: this.#gate.isHeld,
      onAnswer: (took) => this.#window.onAnswer(took),
      onReceived: (bytes) => {
        this.#isSilent = false
        this.downRate.add(bytes, ports.clock.now())
        this.#gate.onReceived(bytes)
      },
      onBlock: (range, block) => this.#onBlock(range, block),
      onBlocksEnd: () => observer.onBlocksEnd(this),
      onEnd: (error) => this.#onEnd(run, error),
    })
    this.#runs.add(run)
    run.start()
  }

  /** From the first that waits on, as long as the blocks lie next to each other. */
  #takeRun(): BlockRange[] {
    const { pieceLength } = this.#options.geometry
    const startOf = ({ piece, begin }: BlockRange): number => piece * pieceLength + begin
    let bytes = 0
    let count = 0
    for (const block of this.#waiting) {
      const before = this.#waiting[count - 1]
      if (before && (startOf(block) !== startOf(before) + before.length || bytes >= MAX_RUN_BYTES)) break
      bytes += block.length
      count++
    }
    return this.#waiting.splice(0, count)
  }

  #onBlock(range: BlockRange, block: Uint8Array): void {
    const { emit, observer } = this.#options
    if (this.#downloaded === 0) emit({ event: 'webseed_joined', url: this.#shown, peer: this.address })
    this.#outstanding.delete(this.#numberOf(range.piece, range.begin))
    this.#failures = 0
    this.#downloaded += block.length
    observer.onBlock(this, range, block)
  }

  #onEnd(run: WebSeedRun, error: ProtocolError | TransportError | undefined): void {
    this.#runs.delete(run)
    this.#isSilent = false
    if (this.#isClosed) return
    if (error instanceof UselessSeed) return this.drop(error.message)
    if (error) return this.#rest(error)
    this.#pump()
    this.#options.observer.onBlocksEnd(this)
  }

  /**
   * What was asked of it may be asked of others, and it is asked for nothing more until it sends something. What is on its
   * way comes all the same, unless nothing does for so long that the request fails: perhaps it is we who do not read.
   */
  #onStall(): void {
    for (const { piece, begin } of this.#waiting) this.#outstanding.delete(this.#numberOf(piece, begin))
    this.#waiting = []
    this.#isSilent = this.#runs.size > 0
  }

  /** A failure that may pass. */
  #rest(error: ProtocolError | TransportError): void {
    const { ports, random, emit, observer } = this.#options
    if (++this.#failures >= MAX_WEB_SEED_FAILURES)
      return this.drop(`${MAX_WEB_SEED_FAILURES} failures in a row, the last: ${error.message}`)
    const backOff = Math.min(MAX_PAUSE, MIN_PAUSE * 2 ** (this.#failures - 1)) * (1 - 0.25 * random.float())
    const wait = Math.max(backOff, (error instanceof BusySeed && error.retryAfter) || 0)
    emit({
      event: 'webseed_failed',
      url: this.#shown,
      peer: this.address,
      reason: error.message,
      retrySeconds: Math.round(wait / 1_000),
    })
    this.#isResting = true
    this.#abandon()
    observer.onChoke(this)
    this.#cancelRest = ports.clock.after(wait, () => {
      this.#isResting = false
      this.#markProgress(ports.clock.now())
      observer.onUnchoke(this)
    })
  }

  /** All that is asked of it is asked no more. */
  #abandon(): void {
    this.#waiting = []
    this.#outstanding.clear()
    for (const run of [...this.#runs]) this.#stop(run)
  }

  #stop(run: WebSeedRun): void {
    run.cancel()
    this.#runs.delete(run)
    this.#isSilent &&= this.#runs.size > 0
  }
}
