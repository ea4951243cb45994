/** Exit codes: part of the contract, scripts depend on them. */
import { SwarmError, type ErrorFamily } from '../src/protocol/errors.ts'

export const EXIT_OK = 0
export const EXIT_UNEXPECTED = 1
export const EXIT_USAGE = 2
export const EXIT_STORAGE = 5
export const EXIT_PAYLOAD = 6
/** A simulation missed a goal. */
export const EXIT_MISSED = 7
/** A signal came before the download was finished. */
export const EXIT_INTERRUPTED = 130
/** The reader of stdout went away; 128 + SIGPIPE, as for a program in C. */
export const EXIT_BROKEN_PIPE = 141

const CODE_OF_FAMILY: Readonly<Record<ErrorFamily, number>> = {
  ProtocolError: EXIT_UNEXPECTED,
  ConfigError: EXIT_USAGE,
  MetainfoError: 3,
  TransportError: 4,
  StorageError: EXIT_STORAGE,
  PayloadError: EXIT_PAYLOAD,
}

export function exitCodeOf(error: unknown): number {
  return error instanceof SwarmError ? CODE_OF_FAMILY[error.family as ErrorFamily] : EXIT_UNEXPECTED
}
