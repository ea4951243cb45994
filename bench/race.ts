/** Contestants that take turns, so that whatever the machine does meanwhile affects all of them alike. */
import { untilQuiet } from './process-cost.ts'
import type { Promised } from './verdict.ts'

/** Measured values by title, which includes the unit. */
export type Figures = Readonly<Record<string, number>>

/** The figure that tells how many cores were busy with something else. */
export const OTHER_CORES = 'other cores'
/** Above this, a run counts as disturbed: it is shown, but used only if there is no other. */
const MAX_OTHER_CORES = 0.5
/** Repetitions of one run while it is disturbed. */
const MAX_TRIES = 3

export interface Contestant {
  readonly name: string
  readonly version?: string | undefined
  /** One run, checked: it throws when the bytes that arrived are not the bytes that were sent. */
  run(): Promise<Figures>
}

export interface Race {
  /** What is done, with sizes. */
  readonly title: string
  readonly contestants: readonly Contestant[]
  /** Whether the first round does not count. */
  readonly hasWarmUp: boolean
  readonly promises: readonly Promised[]
}

export interface Series {
  readonly name: string
  readonly version?: string | undefined
  readonly runs: readonly Figures[]
  readonly failures: readonly string[]
}

/** The result, for those who judge it. */
export class Result {
  readonly series: readonly Series[]

  constructor(series: readonly Series[]) {
    this.series = series
  }

  has(name: string): boolean {
    return (this.#find(name)?.runs.length ?? 0) > 0
  }

  /** Of the undisturbed runs. */
  median(name: string, title: string): number {
    const values = undisturbed(this.#find(name)?.runs ?? []).map((figures) => figures[title])
    if (values.length === 0) throw new Error(`${name} has no run`)
    return medianOf(values.filter((value) => value !== undefined))
  }

  /** The contestant with the highest or lowest median; undefined if none of them ran. */
  best(
    names: readonly string[],
    title: string,
    order: 'highest' | 'lowest',
  ): { name: string; value: number } | undefined {
    const sign = order === 'highest' ? -1 : 1
    return names
      .filter((name) => this.has(name))
      .map((name) => ({ name, value: this.median(name, title) }))
      .filter(({ value }) => !Number.isNaN(value))
      .toSorted((a, b) => sign * (a.value - b.value))[0]
  }

  #find(name: string): Series | undefined {
    return this.series.find((each) => each.name === name)
  }
}

/**
 * A run that was disturbed is repeated a few times.
 *
 * @param say is told of each run
 */
export async function hold(race: Race, rounds: number, say: (line: string) => void): Promise<Result> {
  const runs = new Map<Contestant, Figures[]>(race.contestants.map((each) => [each, []]))
  const failures = new Map<Contestant, string[]>(race.contestants.map((each) => [each, []]))
  for (let round = race.hasWarmUp ? 0 : 1; round <= rounds; round++) {
    const order = round % 2 === 1 ? race.contestants : race.contestants.toReversed()
    for (const contestant of order)
      for (let tries = 1; tries <= MAX_TRIES; tries++) {
        const label = `${round === 0 ? 'warm-up' : `round ${round}`}  ${contestant.name}`
        await untilQuiet()
        try {
          const figures = await contestant.run()
          say(`${label}  ${briefly(figures)}`)
          if (round > 0) runs.get(contestant)!.push(figures)
          if (round === 0 || !isDisturbed(figures)) break
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error)
          say(`${label}  FAILED: ${message}`)
          failures.get(contestant)!.push(message)
          break
        }
      }
  }
  return new Result(
    race.contestants.map((contestant) => ({
      name: contestant.name,
      version: contestant.version,
      runs: runs.get(contestant)!,
      failures: failures.get(contestant)!,
    })),
  )
}

export function isDisturbed(figures: Figures): boolean {
  return (figures[OTHER_CORES] ?? 0) > MAX_OTHER_CORES
}

/** The runs that count: all, if all are disturbed. */
export function undisturbed(runs: readonly Figures[]): readonly Figures[] {
  const calm = runs.filter((figures) => !isDisturbed(figures))
  return calm.length > 0 ? calm : runs
}

/** NaN when there is none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function briefly(figures: Figures): string {
  const [first] = Object.entries(figures)
  return `${first === undefined ? '' : `${first[1].toPrecision(4)} ${first[0]}`}${isDisturbed(figures) ? ', disturbed' : ''}`
}
