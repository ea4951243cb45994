/** A benchmark case, and the context in which it runs. */
import type { Client } from './client.ts'
import type { Race } from './race.ts'
import type { Tracker } from './tracker.ts'
import type { Workshop } from './workshop.ts'

export interface BenchCase {
  readonly name: string
  /** One line: what is moved from where to where. */
  readonly title: string
  /** Rounds unless the user says otherwise. */
  readonly rounds: number
  /** The most space that it needs. */
  neededMib(settings: Settings): number
  races(bench: Bench): Promise<readonly Race[]>
}

/** What the user may set; each case has its own defaults. */
export interface Settings {
  readonly mib?: number | undefined
  readonly pieceKib?: readonly number[] | undefined
  readonly leechers?: readonly number[] | undefined
}

export interface Bench {
  readonly settings: Settings
  readonly workshop: Workshop
  readonly tracker: Tracker
  /** Whether fewer CPUs are used than the machine has. */
  readonly isPinned: boolean
  /** Those clients of these names that are installed and that the user wants, with their versions. */
  clients(names: readonly string[]): readonly (readonly [client: Client, version: string])[]
}
