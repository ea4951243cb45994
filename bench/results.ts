/** A file of results: a later run replaces its own races in it, and leaves the others. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Series } from './race.ts'
import type { Verdict } from './verdict.ts'

export interface RaceResult {
  /** The case it belongs to. */
  readonly name: string
  readonly title: string
  readonly machine: string
  readonly series: readonly Series[]
  readonly verdicts: readonly Verdict[]
}

export function readResults(path: string): RaceResult[] {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RaceResult[]) : []
}

export function mergeResults(older: readonly RaceResult[], newer: readonly RaceResult[]): RaceResult[] {
  const isReplaced = ({ title }: RaceResult): boolean => newer.some((result) => result.title === title)
  return [...older.filter((result) => !isReplaced(result)), ...newer]
}

export function writeResults(path: string, results: readonly RaceResult[]): void {
  writeFileSync(path, `${JSON.stringify(results, undefined, 2)}\n`)
}
