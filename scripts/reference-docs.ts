/**
 * Keeps what the documentation lists in step with the source: flags and error codes in README.md, named limits in
 * docs/limits.md, the schema of .bit files. `npm run docs` writes them; a test fails when they are stale.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SETTINGS, type Setting } from '../src/app/config.ts'
import { bitJsonSchema } from '../src/metainfo/bit-file.ts'
import { ERROR_CODES } from '../src/protocol/errors.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const README_PATH = join(ROOT, 'README.md')
export const LIMITS_PATH = join(ROOT, 'docs/limits.md')
export const BIT_SCHEMA_PATH = join(ROOT, 'docs/bit.schema.json')

/** The README with its generated parts, which stand between `<!-- name -->` and `<!-- /name -->`, regenerated. */
export function withTables(readme: string): string {
  return withPart(withPart(readme, 'flags', flagTable()), 'errors', errorTable())
}

function withPart(text: string, name: string, content: string): string {
  const opening = `<!-- ${name} -->\n`
  const closing = `<!-- /${name} -->`
  const from = text.indexOf(opening)
  const to = text.indexOf(closing)
  if (from < 0 || to < from) throw new Error(`README.md has no place marked ${opening.trim()}`)
  return `${text.slice(0, from + opening.length)}\n${content}\n${text.slice(to)}`
}

function flagTable(): string {
  const rows = (Object.values(SETTINGS) as Setting[]).map(
    ({ flags, short, value, help, default: standard, isNegatable }) => {
      const names = [
        ...flags,
        ...(isNegatable ? [`no-${flags[0]}`] : []),
        ...(short === undefined ? [] : [short]),
      ]
        .map((flag) => `\`-${flag}\``)
        .join(', ')
      return `| ${names}${value === undefined ? '' : ` \`${cell(value)}\``} | ${cell(help)} | ${cell(standard ?? '')} |`
    },
  )
  return `| flag | meaning | default |\n|---|---|---|\n${rows.join('\n')}\n`
}

/** Exit code by family, as the command line maps them. */
const EXIT_CODE = {
  ProtocolError: '',
  TransportError: '4',
  StorageError: '5',
  MetainfoError: '3',
  ConfigError: '2',
  PayloadError: '6',
} as const

function errorTable(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, [family, meaning]]) => `| \`${code}\` | ${family} | ${EXIT_CODE[family]} | ${cell(meaning)} |`,
  )
  return `| code | family | exit | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

export interface Limit {
  readonly name: string
  /** As the source states it. */
  readonly value: string
  readonly meaning: string
  readonly path: string
}

const CONSTANT = /^(?:export )?const ([A-Z][A-Z0-9_]*)(?:: [^=]+)? = (.*)$/
/** What makes a constant a limit: its name. */
const IS_LIMIT = /(^|_)(MAX|MIN|LIMITS?|TIMEOUT|WATER|RATES?|TTL|BURST)(_|$)|^(CACHE_BYTES|K)$/

/** All named limits of the product, by file and line. The simulator has none of its own. */
export function readLimits(): Limit[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .map((path) => `src/${path}`)
    .filter((path) => path.endsWith('.ts') && !path.startsWith('src/app/sim/'))
    .toSorted()
    .flatMap((path) => limitsIn(path, readFileSync(join(ROOT, path), 'utf8')))
}

/** The limits in one source; the comment above a run of constants speaks for all of them. */
export function limitsIn(path: string, source: string): Limit[] {
  const found: Limit[] = []
  const lines = source.split('\n')
  let comment = ''
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    if (line.startsWith('/**')) {
      const from = at
      while (!lines[at]!.includes('*/')) at++
      comment = lines
        .slice(from, at + 1)
        .map((each) => each.replace(/^\s*(\/\*\*|\*\/|\*)?\s?/, '').replace(/\s*\*\/\s*$/, ''))
        .join(' ')
        .trim()
      continue
    }
    const [, name, start] = CONSTANT.exec(line) ?? []
    if (name === undefined) {
      comment = ''
      continue
    }
    let value = start!
    // An object literal that continues: up to its closing brace.
    while (/[{([,]$/.test(value) && at + 1 < lines.length) value += ` ${lines[++at]!.trim()}`
    if (value.includes('{') && !value.includes('}'))
      while (!lines[at]!.startsWith('}')) value += ` ${lines[++at]!.trim()}`
    if (IS_LIMIT.test(name) && !/_(COLUMNS|SHARE)$/.test(name))
      found.push({ name, value, meaning: comment, path })
  }
  return found
}

export function limitsPage(): string {
  const rows = readLimits().map(
    ({ name, value, meaning, path }) =>
      `| \`${name}\` | \`${cell(value)}\` | ${cell(meaning)} | \`${path.replace('src/', '')}\` |`,
  )
  return `# Limits

Whatever a peer, a file or a datagram can make grow has a named limit. Times are in milliseconds and sizes in bytes
unless the name or the text says otherwise. What users can set is in the table of flags in the [README](../README.md).
This file is written by \`npm run docs\` from the constants in \`src/\`.

| name | value | meaning | where |
|---|---|---|---|
${rows.join('\n')}
`
}

export function bitSchema(): string {
  return `${JSON.stringify(bitJsonSchema(), undefined, 2)}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

if (import.meta.main) {
  writeFileSync(README_PATH, withTables(readFileSync(README_PATH, 'utf8')))
  writeFileSync(LIMITS_PATH, limitsPage())
  writeFileSync(BIT_SCHEMA_PATH, bitSchema())
}
