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
  /** One-letter switches, and their long names. */
  readonly shorts: ReadonlyMap<string, string>
}

const TRUE = new Set(['true', 't', '1', 'yes', 'on'])
const FALSE = new Set(['false', 'f', '0', 'no', 'off'])

/**
 * Idempotent. Words behind `--` and values of options stay as they are.
 *
 * @throws {ConfigError} `config.value`: a switch with a value that is neither true nor false; `config.usage`: one that is
 *   both on and off
 */
export function normaliseArgv(args: readonly string[], table: OptionTable): string[] {
  const out: string[] = []
  const states = new Map<string, boolean>()
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
      const [setting, isOn] = readSwitch(name, value, table)
      turn(setting, isOn, states)
      if (isOn) out.push(`--${setting}`)
      // `-help=false` asks for nothing: it is left out.
      else if (table.switches.has(`no-${setting}`)) out.push(`--no-${setting}`)
    } else if (!word.startsWith('--') && table.shorts.has(name[0]!)) {
      for (const letter of name) if (table.shorts.has(letter)) turn(table.shorts.get(letter)!, true, states)
      out.push(word)
    } else {
      // Unknown: with two dashes, commander says so and suggests what was meant.
      out.push(word.startsWith('--') ? word : `-${word}`)
    }
  }
  return out
}

/** What a switch is about, and whether it turns that on: `-no-progress=false` means `-progress`. */
function readSwitch(
  name: string,
  value: string | undefined,
  { switches }: OptionTable,
): readonly [setting: string, isOn: boolean] {
  const positive = name.replace(/^no-/, '')
  const isNegative = positive !== name && switches.has(positive)
  return [isNegative ? positive : name, isTrue(name, value) !== isNegative]
}

function isTrue(name: string, value: string | undefined): boolean {
  if (value === undefined || TRUE.has(value.toLowerCase())) return true
  if (FALSE.has(value.toLowerCase())) return false
  throw new ConfigError('config.value', `-${name} '${printable(value)}': must be true or false`)
}

/** Of two contrary ones the first would be lost without a word. */
function turn(setting: string, isOn: boolean, states: Map<string, boolean>): void {
  if (states.get(setting) === !isOn)
    throw new ConfigError('config.usage', `-${setting} is switched both on and off`)
  states.set(setting, isOn)
}
