/** Figures of several runs, summarised for people and for programs. */
import type { Figures } from './case.ts'

export interface Summary {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export function summarise(runs: readonly Figures[]): Record<string, Summary> {
  return Object.fromEntries(
    Object.keys(runs[0] ?? {}).map((title) => {
      const values = runs.map((figures) => figures[title]!).toSorted((a, b) => a - b)
      return [title, { median: medianOf(values), lowest: values[0]!, highest: values.at(-1)! }]
    }),
  )
}

/** @param sorted ascending, at least one */
function medianOf(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Columns wide enough for their content, numbers to the right. */
export function formatTable(summary: Readonly<Record<string, Summary>>): string {
  const rows = Object.entries(summary).map(([title, { median, lowest, highest }]) => [
    title,
    round(median),
    `${round(lowest)} to ${round(highest)}`,
  ])
  const table = [['', 'median', 'spread'], ...rows]
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)))
  return table
    .map(([title, ...cells]) =>
      [title!.padEnd(widths[0]!), ...cells.map((cell, index) => cell.padStart(widths[index + 1]!))].join(
        '  ',
      ),
    )
    .join('\n')
}

/** Three digits that mean something. */
function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
