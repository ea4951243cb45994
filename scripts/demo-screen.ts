/** What the demo shows of its leechers: two live bars on a terminal, a line every tenth of the way elsewhere. */
import { MultiBar, type SingleBar } from 'cli-progress'
import { MIB } from './payload.ts'

/** Rates are the mean of the last two seconds. */
const RATE_WINDOW_MS = 2_000
const BAR_WIDTH = 28

/** One leecher's progress, as its `have` lines tell it. */
export class LeecherProgress {
  readonly name: string
  readonly #length: number
  readonly #bytesFrom = new Map<string, number>()
  readonly #recent: { readonly at: number; readonly bytes: number }[] = []
  #bytes = 0
  /** When the first piece was requested: many are under way before the first arrives, and their time counts. */
  #startedAt: number | undefined

  /** @param length bytes of the whole payload */
  constructor(name: string, length: number) {
    this.name = name
    this.#length = length
  }

  onRequest(): void {
    this.#startedAt ??= performance.now()
  }

  onHave(source: string, bytes: number): void {
    this.#bytes += bytes
    this.#bytesFrom.set(source, (this.#bytesFrom.get(source) ?? 0) + bytes)
    this.#recent.push({ at: performance.now(), bytes })
  }

  get bytes(): number {
    return this.#bytes
  }

  get fraction(): number {
    return this.#bytes / this.#length
  }

  /** Where pieces came from, in the order of the first piece. */
  get sources(): readonly string[] {
    return [...this.#bytesFrom.keys()]
  }

  /** `161 MiB from seeder, 95 MiB from leecher 1`. */
  get origin(): string {
    return [...this.#bytesFrom]
      .map(([source, bytes]) => `${(bytes / MIB).toFixed(0)} MiB from ${source}`)
      .join(', ')
  }

  /** MiB per second. */
  get rate(): number {
    const now = performance.now()
    while (this.#recent.length > 0 && this.#recent[0]!.at < now - RATE_WINDOW_MS) this.#recent.shift()
    const bytes = this.#recent.reduce((sum, piece) => sum + piece.bytes, 0)
    const lasted = Math.min(RATE_WINDOW_MS, now - (this.#startedAt ?? now))
    return bytes / MIB / (Math.max(250, lasted) / 1_000)
  }

  /** `161.0/256.0 MiB`. */
  get amount(): string {
    return `${(this.#bytes / MIB).toFixed(1)}/${(this.#length / MIB).toFixed(1)} MiB`
  }
}

export interface Screen {
  /** Something about the leecher has changed. */
  update(leecher: LeecherProgress): void
  /** Leaves the terminal as it was. */
  close(): void
}

export function openScreen(stream: NodeJS.WriteStream): Screen {
  return stream.isTTY ? new BarScreen(stream) : new LineScreen(stream)
}

class BarScreen implements Screen {
  readonly #bars: MultiBar
  readonly #barOf = new Map<LeecherProgress, SingleBar>()

  constructor(stream: NodeJS.WriteStream) {
    this.#bars = new MultiBar({
      stream,
      format: '  {name}  {bar}  {percent}  {amount}  {rate}  {origin}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: BAR_WIDTH,
      fps: 10,
      hideCursor: true,
      linewrap: false,
      autopadding: false,
    })
  }

  update(leecher: LeecherProgress): void {
    const shown = {
      name: leecher.name,
      percent: `${(100 * leecher.fraction).toFixed(1)} %`.padStart(7),
      amount: leecher.amount,
      rate: `${leecher.rate.toFixed(1)} MiB/s`.padStart(11),
      origin: leecher.origin,
    }
    const bar = this.#barOf.get(leecher)
    if (bar === undefined) this.#barOf.set(leecher, this.#bars.create(1, leecher.fraction, shown))
    else bar.update(leecher.fraction, shown)
  }

  close(): void {
    this.#bars.stop()
  }
}

class LineScreen implements Screen {
  readonly #stream: NodeJS.WriteStream
  readonly #tenths = new Map<LeecherProgress, number>()

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  update(leecher: LeecherProgress): void {
    const tenth = Math.floor(leecher.fraction * 10)
    if (tenth === this.#tenths.get(leecher)) return
    this.#tenths.set(leecher, tenth)
    const percent = `${10 * tenth} %`.padStart(5)
    const rate = `${leecher.rate.toFixed(1)} MiB/s`.padStart(11)
    this.#stream.write(`  ${leecher.name}  ${percent}  ${leecher.amount}  ${rate}  ${leecher.origin}\n`)
  }

  close(): void {}
}
