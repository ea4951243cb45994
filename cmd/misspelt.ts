/**
 * Misspelt commands, as in `bitswarm insepct x` or `bitswarm seed x`, which would otherwise be taken for names of files; and misspelt
 * variables, as in `BITSWARM_MAXPEERS=20`, which would otherwise be ignored.
 */
import { environmentName, SETTINGS, type SettingName } from '../src/app/config.ts'

/** Flags that other programs have as commands. */
const FLAGS = ['-seed', '-get', '-version']

/** Our words for what other programs call otherwise. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['share', '-seed'],
  ['serve', '-seed'],
  ['upload', '-seed'],
  ['download', '-get'],
  ['fetch', '-get'],
  ['receive', '-get'],
  ['info', 'inspect'],
  ['check', 'verify'],
])

/** What was probably meant by a word that is neither a command nor a file; undefined when nothing is near. */
export function meantBy(word: string, commands: readonly string[]): string | undefined {
  if (!/^[a-z-]{2,20}$/i.test(word)) return undefined
  const known = ELSEWHERE.get(word.toLowerCase())
  if (known !== undefined) return known
  const mostEdits = word.length < 5 ? 1 : 2
  const near = [...FLAGS, ...commands]
    .map((name) => ({ name, edits: editsBetween(word.toLowerCase(), name.replace(/^-/, '')) }))
    .toSorted((a, b) => a.edits - b.edits)[0]!
  return near.edits <= mostEdits ? near.name : undefined
}

/** Sentences about variables that are not read, but are nearly those of settings. */
export function tellMisspelt(variables: Readonly<Record<string, string | undefined>>): string[] {
  const known = (Object.keys(SETTINGS) as SettingName[]).map(environmentName)
  return Object.keys(variables).flatMap((variable) => {
    if (!/^BITSWARM_\w{2,20}$/i.test(variable) || known.includes(variable)) return []
    const near = known.find((name) => editsBetween(variable.toUpperCase(), name) <= 1)
    return near === undefined ? [] : [`${variable} is not read: did you mean ${near}?`]
  })
}

/** Letters to insert, to leave out, to change, or to swap with the next one (optimal string alignment). */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    const above = rows[i - 1]!
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (isSame ? 0 : 1))
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwapped) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
