/** Turns the texts of flags and variables into values, or into errors for people. */
import { ConfigError } from '../protocol/errors.ts'

/** Addresses or URLs in one setting. */
export const MAX_LIST = 1_000

/** What flags and environment give. */
export type RawValue = string | boolean | readonly string[]

/** @throws {ConfigError} whose message says what the value must be */
export interface Parse<T> {
  (raw: RawValue): T
  /** All texts that it accepts, if they are few. */
  readonly choices?: readonly string[]
  /** Whether the empty text is a value: none. */
  readonly takesEmpty?: true
}

function refused(reason: string): ConfigError {
  return new ConfigError('config.value', reason)
}

/** Accepts the empty text as it is; anything else goes to `parse`. */
export function orEmpty(parse: Parse<string>): Parse<string> {
  return Object.assign((raw: RawValue) => (raw === '' ? '' : parse(raw)), { takesEmpty: true as const })
}

/** @param read may throw a ConfigError of its own words */
export function parsed<T>(read: (text: string) => T | undefined, expected: string): Parse<T> {
  return (raw) => {
    const value = typeof raw === 'string' ? read(raw) : undefined
    if (value === undefined) throw refused(`must be ${expected}`)
    return value
  }
}

export function list<T>(
  separator: RegExp,
  read: (text: string) => T | undefined,
  expected: string,
): Parse<readonly T[]> {
  const item = parsed(read, expected)
  return (raw) => {
    if (typeof raw === 'boolean') throw refused(`must be ${expected}`)
    const texts = [raw]
      .flat()
      .flatMap((text) => text.split(separator))
      .map((text) => text.trim())
      .filter((text) => text !== '')
    if (texts.length > MAX_LIST) throw refused(`more than ${MAX_LIST} entries`)
    return texts.map(item)
  }
}

export function oneOf<const Name extends string>(names: readonly Name[]): Parse<Name> {
  const parse = parsed((text) => names.find((name) => name === text), `one of ${names.join(', ')}`)
  return Object.assign(parse, { choices: names })
}

/** @param unit as in `whole(0, 60, ' of seconds')` */
export function whole(min: number, max: number, unit = ''): Parse<number> {
  return parsed((text) => {
    const value = /^-?\d{1,12}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  }, `a whole number${unit} from ${min} to ${max}`)
}

const YES: readonly string[] = ['true', '1', 'yes', 'on', 'y', 'enabled']
const NO: readonly string[] = ['false', '0', 'no', 'off', 'n', 'disabled']

export const switchable: Parse<boolean> = (raw) => {
  const text = String(raw).toLowerCase()
  if (!YES.includes(text) && !NO.includes(text)) throw refused(`must be one of ${[...YES, ...NO].join(', ')}`)
  return YES.includes(text)
}
