/** One process of the leecher, from its start to its end, as its log tells it. */
import { SwarmProcess, type EventLine } from '../../scripts/swarm-process.ts'

/** A process of which nothing new is heard for so long hangs: it is ended, and that is a finding. */
const PATIENCE_MS = 60_000

export interface ResumeLine {
  readonly have: number
  readonly pieces: number
  readonly checked: number
  readonly source: string
}

export class Life {
  readonly process: SwarmProcess
  /** Pieces of which the first block was asked for. */
  readonly requested = new Set<number>()
  /** Pieces of which a `have` line came, in order, and those that came more than once. */
  readonly announced = new Set<number>()
  readonly repeated: number[] = []
  readonly lines: EventLine[] = []
  readonly #bornAt = performance.now()
  readonly #msTo = new Map<string, number>()
  #hasHung = false
  #watchdog: NodeJS.Timeout | undefined

  constructor(words: readonly string[], command: string) {
    this.process = new SwarmProcess(words, { name: 'leecher', command })
    this.process.onEvent((line) => this.#onLine(line))
    void this.process.exited.then(() => clearTimeout(this.#watchdog))
    this.#watch()
  }

  /** It was ended because it did nothing any more. */
  get hasHung(): boolean {
    return this.#hasHung
  }

  /** Milliseconds from the start of the process to the first line of an event; undefined when it never came. */
  msTo(event: string): number | undefined {
    return this.#msTo.get(event)
  }

  get resume(): ResumeLine | undefined {
    return this.process.seen('resume')[0] as ResumeLine | undefined
  }

  get isComplete(): boolean {
    return this.#msTo.has('complete')
  }

  /** Asked for and not announced: in flight, assembling, or on the way to disk or to the log. */
  get unfinished(): number[] {
    return [...this.requested].filter((piece) => !this.announced.has(piece))
  }

  #onLine(line: EventLine): void {
    this.lines.push(line)
    const { event, piece } = line
    if (event !== 'stats') this.#watch()
    if (!this.#msTo.has(event)) this.#msTo.set(event, performance.now() - this.#bornAt)
    if (event === 'request') this.requested.add(piece as number)
    if (event !== 'have') return
    if (this.announced.has(piece as number)) this.repeated.push(piece as number)
    this.announced.add(piece as number)
  }

  #watch(): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => {
      this.#hasHung = true
      this.process.kill()
    }, PATIENCE_MS)
  }
}
