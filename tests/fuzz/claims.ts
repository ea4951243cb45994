/** What targets claim of what they call. */
import { isDeepStrictEqual, inspect } from 'node:util'
import { SwarmError, type ErrorCode } from '../../src/protocol/errors.ts'

/** What `read` gives; undefined when it refuses in one of the ways that are documented. Anything else that is thrown goes on. */
export function accepted<T>(read: () => T, refusals: readonly ErrorCode[]): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof SwarmError && (refusals as readonly string[]).includes(error.code)) return undefined
    throw error
  }
}

export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`it does not hold: ${what}`)
}

export function claimSame(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return
  const show = (value: unknown): string =>
    inspect(value, { depth: 6, maxStringLength: 400, breakLength: 110 })
  throw new Error(`it is not the same: ${what}\n${show(actual)}\nand not\n${show(expected)}`)
}
