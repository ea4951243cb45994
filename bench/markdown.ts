/** The generated part of docs/performance.md: verdicts first, then every race in full. */
import { readFileSync, writeFileSync } from 'node:fs'
import { markdownTable, seriesRows, verdictRows } from './report.ts'
import type { RaceResult } from './results.ts'

const OPENING = '<!-- results -->\n'
const CLOSING = '<!-- /results -->'

/** Replaces the text between the marks. */
export function writePage(path: string, results: readonly RaceResult[]): void {
  const text = readFileSync(path, 'utf8')
  const from = text.indexOf(OPENING)
  const to = text.indexOf(CLOSING)
  if (from < 0 || to < from) throw new Error(`${path} has no place marked ${OPENING.trim()}`)
  writeFileSync(path, `${text.slice(0, from + OPENING.length)}\n${page(results)}\n${text.slice(to)}`)
}

function page(results: readonly RaceResult[]): string {
  const verdicts = results.flatMap((result) =>
    verdictRows(result.verdicts).map(([isMet, what, value, target]) => [
      result.title,
      what!,
      isMet === 'met' ? value! : `**${value}**`,
      target!,
      isMet === 'met' ? 'met' : '**missed**',
    ]),
  )
  const races = results.map(
    (result) => `### ${result.title}\n\n${markdownTable(seriesRows(result.series))}\n`,
  )
  const machines = [...new Set(results.map(({ machine }) => machine))].map((machine) => `- ${machine}`)
  const summary = markdownTable([['work', 'figure', 'measured', 'target', ''], ...verdicts])
  return [summary, '', 'Measured on:', '', ...machines, '', ...races].join('\n')
}
