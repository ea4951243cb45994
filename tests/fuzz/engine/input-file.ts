/** Inputs as text, one a line: a JSON string whose characters are the bytes. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { latin1 } from './mutator.ts'

/** None when there is no such file. */
export function readInputs(path: string): Uint8Array[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => latin1(JSON.parse(line) as string))
}

/** Each once, the shortest first. */
export function writeInputs(path: string, inputs: readonly Uint8Array[]): void {
  const lines = [...new Set(inputs.map(shown))].toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
}

export function shown(input: Uint8Array): string {
  return JSON.stringify(Buffer.from(input).toString('latin1')).replaceAll(
    /[\u007f-\u00ff]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  )
}
