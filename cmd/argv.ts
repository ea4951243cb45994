/**
 * Turns what people write (one dash or two, `=` or space) into what commander understands. The contract has long options
 * with one dash; commander would read `-seed` as a row of one-letter switches.
 */
import { ConfigError } from '../src/protocol/errors.ts'
import { printable } from '../src/app/terminal-text.ts'

/** The options of a command line. Long names are without dashes. */
export interface OptionTable {
  /** Long options that take a value. */
  readonly valued: ReadonlySet<string>
  /** Long switches; `no-x` is listed beside `x` where it exists. */
  readonly switches: ReadonlySet<string>
  /** One-letter switches. */
  readonly shorts: ReadonlySet<string>
}

const TRUE = new Set(['true', 't', '1', 'yes', 'on'])
const FALSE = new Set(['false', 'f', '0', 'no', 'off'])

/**
 * Idempotent. Words behind `--` and values of options stay as they are.
 *
 * @throws {ConfigError} `config.value`: a switch with a value that is neither true nor false
 */
export function normaliseArgv(args: readonly string[], table: OptionTable): string[] {
  const out: string[] = []
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word === '--') return [...out, ...args.slice(i)]
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word)
    if (!match) {
      out.push(word)
      continue
    }
    const name = match[1]!
    const value = match[2]
    if (table.valued.has(name)) {
      out.push(value === undefined ? `--${name}` : `--${name}=${value}`)
      if (value === undefined && i + 1 < args.length) out.push(args[++i]!)
    } else if (table.switches.has(name)) {
      out.push(...switched(name, value, table))
    } else if (!word.startsWith('--') && table.shorts.has(name[0]!)) {
      out.push(word)
    } else {
      // Unknown: with two dashes, commander says so and suggests what was meant.
      out.push(word.startsWith('--') ? word : `-${word}`)
    }
  }
  return out
}

/** `-progress=false` is `--no-progress`; a switch that is off anyway is left out. */
function switched(name: string, value: string | undefined, { switches }: OptionTable): string[] {
  if (value === undefined || TRUE.has(value.toLowerCase())) return [`--${name}`]
  if (!FALSE.has(value.toLowerCase()))
    throw new ConfigError('config.value', `-${name} '${printable(value)}': must be true or false`)
  const opposite = name.startsWith('no-') ? name.slice(3) : `no-${name}`
  return switches.has(opposite) ? [`--${opposite}`] : []
}
