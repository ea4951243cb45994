/** Compares figures with what the project promises. */
import type { Result } from './race.ts'

export interface Promised {
  /** Whose figure. */
  readonly who: string
  /** Which figure. */
  readonly title: string
  /** With rivals, the figure is the ratio of ours to that of the best of them; without, it is ours. */
  readonly rivals?: readonly string[]
  readonly limit: { readonly atLeast: number } | { readonly atMost: number }
}

export interface Verdict {
  /** What was measured, and against whom. */
  readonly what: string
  readonly value: number
  readonly isRatio: boolean
  /** As people write it: `≥ 1.5`. */
  readonly target: string
  readonly isMet: boolean
}

/** Judges the promises whose figures are there. */
export function judge(result: Result, promises: readonly Promised[]): Verdict[] {
  return promises
    .filter(({ who }) => result.has(who))
    .flatMap(({ who, title, rivals, limit }): readonly Verdict[] => {
      const ours = result.median(who, title)
      if (rivals === undefined)
        return [{ what: `${title}, ${who}`, value: ours, isRatio: false, ...held(ours, limit) }]
      const rival = result.best(rivals, title, 'atLeast' in limit ? 'highest' : 'lowest')
      if (rival === undefined) return []
      const ratio = ours / rival.value
      return [
        {
          what: `${title}, ${who} against ${rival.name}`,
          value: ratio,
          isRatio: true,
          ...held(ratio, limit),
        },
      ]
    })
}

function held(value: number, limit: Promised['limit']): Pick<Verdict, 'target' | 'isMet'> {
  return 'atLeast' in limit
    ? { target: `≥ ${limit.atLeast}`, isMet: value >= limit.atLeast }
    : { target: `≤ ${limit.atMost}`, isMet: value <= limit.atMost }
}
