/** What a soak found, as a table. */
import { aligned } from '../../bench/report.ts'
import type { Verdict } from './verdict.ts'

export interface SoakResult {
  readonly seed: number
  readonly minutes: number
  readonly warmUpMinutes: number
  /** How the leechers that came and went have ended. */
  readonly ends: string
  readonly joins: number
  readonly pieces: number
  readonly processor: readonly {
    readonly process: string
    /** Of a core. */
    readonly percent: number
    readonly wakesPerSecond: number
  }[]
  readonly verdicts: readonly Verdict[]
  /** What else was wrong. */
  readonly findings: readonly string[]
}

export function report(result: SoakResult): string {
  const { seed, minutes, warmUpMinutes, ends, joins, pieces, processor, verdicts, findings } = result
  const rows = verdicts.map(({ isPassed, metric, process, mean, perHour, error, growth, allowed }) => [
    isPassed ? 'PASS' : 'FAIL',
    metric,
    process,
    mean.toFixed(1),
    `${signed(perHour)} ± ${error.toFixed(2)}`,
    signed(growth),
    String(allowed),
  ])
  const failures = findings.length + verdicts.filter(({ isPassed }) => !isPassed).length
  return [
    `seed ${seed}: ${minutes} minutes, ${warmUpMinutes} of them warm-up; ends of leechers: ${ends}; ${joins} joins, ${pieces} pieces`,
    '',
    aligned([['', '', '', 'mean', 'per hour', 'growth', 'allowed'], ...rows], 3),
    '',
    aligned([
      ['', '% of a core', 'wakes/s'],
      ...processor.map(({ process, percent, wakesPerSecond }) => [
        process,
        percent.toFixed(2),
        wakesPerSecond.toFixed(1),
      ]),
    ]),
    '',
    ...findings.map((finding) => `FAIL ${finding}`),
    failures === 0 ? 'PASS' : `FAIL: ${failures}`,
  ].join('\n')
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(2)}`
}
