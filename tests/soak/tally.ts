/** What happened in all processes, counted: nothing of it grows with time. */
import type { EventLine, SwarmProcess } from '../../scripts/swarm-process.ts'

/** What never happens among honest nodes on a sound machine. */
const ALARMS = ['peer_banned', 'hash_fail', 'log_dropped', 'disk_error'] as const
/** Findings that are kept; more are counted. */
const MAX_FINDINGS = 50

export class Tally {
  readonly findings: string[] = []
  #unkept = 0
  readonly #events = new Map<string, number>()
  readonly #ends = new Map<string, number>()

  /** Counts the lines of a process. */
  follow(process: SwarmProcess): void {
    process.onEvent((line) => this.#onLine(process.name, line))
  }

  onEnd(how: string): void {
    this.#ends.set(how, (this.#ends.get(how) ?? 0) + 1)
  }

  find(text: string): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push(text)
    else this.#unkept++
  }

  count(event: string): number {
    return this.#events.get(event) ?? 0
  }

  get ends(): string {
    return [...this.#ends].map(([how, count]) => `${how} ${count}`).join(', ')
  }

  get unkept(): number {
    return this.#unkept
  }

  #onLine(name: string, line: EventLine): void {
    const { event, code } = line
    this.#events.set(event, this.count(event) + 1)
    const isAlarm = ALARMS.some((alarm) => alarm === event) || (event === 'error' && code === 'unexpected')
    if (isAlarm) this.find(`${name}: ${JSON.stringify(line)}`)
  }
}
