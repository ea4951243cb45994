/** What is kept of a round that went wrong. */
import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RoundResult } from './round.ts'

/** The payload is not kept. */
const MAX_FILE_BYTES = 2 ** 20

/** @param folder for the evidence; made when it is not there */
export function keepEvidence(folder: string, { lives, records, findings }: RoundResult, place: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'findings.txt'), `${findings.join('\n')}\n`)
  for (const [index, { lines }] of lives.entries()) {
    const log = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    writeFileSync(join(folder, `life-${index + 1}-${records[index]?.moment ?? 'open'}.jsonl`), log)
  }
  for (const name of readdirSync(place)) {
    const path = join(place, name)
    if (statSync(path).size <= MAX_FILE_BYTES) copyFileSync(path, join(folder, name))
  }
}
