/** One process of the leecher, from its start to its end, as its log tells it. */
import { SwarmProcess, type EventLine } from '../../scripts/swarm-process.ts'

/** For whatever a process is waited for. */
export const PATIENCE_MS = 60_000

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

  constructor(words: readonly string[], command: string) {
    this.process = new SwarmProcess(words, { name: 'leecher', command })
    this.process.onEvent((line) => this.#onLine(line))
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
    if (!this.#msTo.has(event)) this.#msTo.set(event, performance.now() - this.#bornAt)
    if (event === 'request') this.requested.add(piece as number)
    if (event !== 'have') return
    if (this.announced.has(piece as number)) this.repeated.push(piece as number)
    this.announced.add(piece as number)
  }
}
