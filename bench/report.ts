/** Results as tables: for a terminal, and for a Markdown page. */
import { isDisturbed, medianOf, undisturbed, type Figures, type Series } from './race.ts'
import type { Verdict } from './verdict.ts'

type Row = readonly string[]

/** One row per contestant: medians, and the spread of the first figure. */
export function seriesRows(series: readonly Series[]): Row[] {
  const titles = [...new Set(series.flatMap(({ runs }) => runs.flatMap((figures) => Object.keys(figures))))]
  const [first, ...others] = titles
  if (first === undefined) return []
  return [
    ['', first, 'spread', ...others, 'runs'],
    ...series.map(({ name, version, runs, failures }) => {
      const counted = undisturbed(runs)
      const label = version === undefined ? name : `${name} ${version}`
      return [
        label,
        shown(median(counted, first)),
        spread(counted.map((figures) => figures[first]!)),
        ...others.map((title) => shown(median(counted, title))),
        runsText(runs, failures.length),
      ]
    }),
  ]
}

export function verdictRows(verdicts: readonly Verdict[]): Row[] {
  return verdicts.map(({ what, value, isRatio, target, isMet }) => {
    const unit = isRatio ? ' ×' : ''
    return [isMet ? 'met' : 'MISSED', what, `${shown(value)}${unit}`, `${target}${unit}`]
  })
}

/** Columns as wide as their content; all but the first right-aligned. */
export function aligned(rows: readonly Row[], leftColumns: number = 1): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column < leftColumns ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** @param rows the first one is the head */
export function markdownTable([head, ...rows]: readonly Row[]): string {
  const line = (row: Row): string => `| ${row.join(' | ')} |`
  return [line(head!), `|${'---|'.repeat(head!.length)}`, ...rows.map(line)].join('\n')
}

function median(runs: readonly Figures[], title: string): number {
  return medianOf(runs.map((figures) => figures[title]).filter((value) => value !== undefined))
}

function spread(values: readonly number[]): string {
  return values.length < 2 ? '' : `${shown(Math.min(...values))}–${shown(Math.max(...values))}`
}

function runsText(runs: readonly Figures[], failures: number): string {
  const disturbed = runs.filter(isDisturbed).length
  const notes = [disturbed > 0 && `${disturbed} disturbed`, failures > 0 && `${failures} FAILED`].filter(
    Boolean,
  )
  return [String(runs.length), ...notes].join(', ')
}

/** Three significant digits. */
export function shown(value: number): string {
  if (Number.isNaN(value)) return '–'
  return Math.abs(value) >= 100
    ? value.toFixed(0)
    : Math.abs(value) < 0.01
      ? value.toFixed(2)
      : value.toPrecision(3)
}
