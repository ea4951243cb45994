/** Where targets and their inputs lie. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** URL of what is fuzzed. */
export const SOURCES: string = new URL('../../src/', import.meta.url).href

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** All there are, in the order of their names. */
export function targetNames(): string[] {
  return readdirSync(at('targets'))
    .map((file) => file.replace(/\.ts$/, ''))
    .toSorted()
}

export function targetUrl(name: string): string {
  return new URL(`targets/${name}.ts`, import.meta.url).href
}

/** What reaches most of the code with least. */
export function corpusPath(name: string): string {
  return at(`corpus/${name}.txt`)
}

/** What went wrong once. */
export function findingsPath(name: string): string {
  return at(`findings/${name}.txt`)
}
