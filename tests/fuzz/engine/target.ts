/** What is fuzzed: one way into the program, and what must hold whatever comes. */
import type { Random } from '../../../src/protocol/ports.ts'

export interface FuzzTarget {
  /** Modules below `src` that it is about, for the report. */
  readonly sources: readonly string[]
  /** Bytes of an input; {@link DEFAULT_MAX_LENGTH} when missing. */
  readonly maxLength?: number
  /** Beside the strings of the sources. */
  readonly words?: readonly string[]
  /** Bytes that one input may make us allocate, as a function of its length; {@link allocationLimit} when missing. */
  readonly maxAllocation?: (length: number) => number
  /** Valid ones, of all kinds. */
  seeds(): readonly Uint8Array[]
  /** Takes or refuses the input as the program does. @throws whatever must not happen */
  run(data: Uint8Array): void | Promise<void>
  /** Milliseconds of work for one input; {@link MAX_INPUT_MS} when missing. */
  readonly maxMs?: number
  /** Spoils by the grammar, which leaves more of it valid; undefined when the input has none. */
  spoil?(data: Uint8Array, other: Uint8Array, random: Random): Uint8Array | undefined
}

export const DEFAULT_MAX_LENGTH = 2_048
/** Milliseconds of work that one input may make, the best of {@link TRIES}. */
export const MAX_INPUT_MS = 50
/** A pause of the collector happens once, a slow path always. */
export const TRIES = 4

/** Bytes for an input: what is decoded is objects, which take far more than their bytes on the wire. */
export function allocationLimit(length: number): number {
  return 2 ** 22 + 512 * length
}
