/**
 * Errors, grouped by the reaction they call for: the family says what to do, the code says what happened. Codes are stable
 * and appear in events and in the README's table.
 */

export type ErrorFamily =
  'ProtocolError' | 'TransportError' | 'StorageError' | 'MetainfoError' | 'ConfigError' | 'PayloadError'

/** Every code with its family and meaning. The prefix names the area. */
export const ERROR_CODES = {
  // The remote broke a rule: close, strike, maybe ban.
  'wire.not-bittorrent': ['ProtocolError', 'the remote speaks some other protocol'],
  'wire.oversize': ['ProtocolError', 'a message is longer than its kind allows'],
  'wire.malformed': ['ProtocolError', 'a message does not have the length or fields of its kind'],
  'wire.bad-bitfield': ['ProtocolError', 'a bitfield has the wrong size, spare bits set, or came late'],
  'wire.bad-piece': ['ProtocolError', 'a piece index or block range that does not exist'],
  'wire.flood': [
    'ProtocolError',
    'more requests queued than we said we accept, or endless messages that move nothing',
  ],
  'wire.unrequested': ['ProtocolError', 'too many blocks that were not requested'],
  'wire.wrong-info-hash': ['ProtocolError', 'the handshake names a torrent that is not served here'],
  'wire.self': ['ProtocolError', 'the remote is this node itself'],
  'wire.duplicate': ['ProtocolError', 'a second connection to the same peer'],
  'bencode.malformed': ['ProtocolError', 'bytes that are not bencode'],
  'http.bad-url': ['ProtocolError', 'a URL that is neither http nor https, or names an impossible address'],
  'http.status': ['ProtocolError', 'an HTTP server answered with a status other than success'],
  'http.redirect': [
    'ProtocolError',
    'an HTTP redirect that is not followed: one too many, or to a place that the server may not name',
  ],
  'http.oversize': ['ProtocolError', 'an HTTP body is longer than allowed'],
  'http.bad-range': ['ProtocolError', 'an HTTP server did not send the bytes that were asked for'],
  'tracker.malformed': ['ProtocolError', 'the answer of a tracker is malformed'],
  'tracker.failure': ['ProtocolError', 'a tracker refused the announce'],
  // The connection failed: back off and retry.
  'net.timeout': ['TransportError', 'no answer in time'],
  'net.refused': ['TransportError', 'nobody listens there'],
  'net.reset': ['TransportError', 'the connection broke'],
  'net.unreachable': ['TransportError', 'no route to the host'],
  'net.unresolved': ['TransportError', 'the name has no address'],
  'net.address-in-use': ['TransportError', 'another process listens on the address'],
  'net.listen': ['TransportError', 'the address cannot be listened on'],
  'net.tls': ['TransportError', 'the server could not prove its identity'],
  'net.no-peers': ['TransportError', 'no payload arrived in time'],
  'net.closed': ['TransportError', 'this node closed it before it was done'],
  'net.failed': ['TransportError', 'the network failed in another way'],
  // Our disk failed: pause, keep the resume state, retry where that can help.
  'disk.full': ['StorageError', 'no space left'],
  'disk.permission': ['StorageError', 'not permitted'],
  'disk.missing': ['StorageError', 'a file is missing'],
  'disk.locked': ['StorageError', 'another process downloads to the same place'],
  'disk.occupied': ['StorageError', 'a file that is something else is where the payload should go'],
  'disk.unsafe-path': ['StorageError', 'a path leaves the output folder or passes through a symlink'],
  'disk.wrong-size': ['StorageError', 'a file does not have the length stated in the metainfo'],
  'disk.changed': ['StorageError', 'a file changed while it was being hashed, downloaded or served'],
  'disk.io': ['StorageError', 'reading or writing failed'],
  'disk.worker': ['StorageError', 'a disk worker stopped'],
  'disk.resume': ['StorageError', 'the resume file cannot be trusted'],
  // A bad torrent file: refuse to load.
  'meta.unreadable': ['MetainfoError', 'the metainfo file cannot be read'],
  'meta.malformed': ['MetainfoError', 'the metainfo is not valid bencode or JSON'],
  'meta.missing-field': ['MetainfoError', 'a required field is missing'],
  'meta.bad-field': ['MetainfoError', 'a field has the wrong type or a value out of range'],
  'meta.unsafe-path': ['MetainfoError', 'a path could leave the output folder or collide with another'],
  'meta.info-hash': ['MetainfoError', 'the stated info hash does not match the content'],
  'meta.unsupported': ['MetainfoError', 'a kind of metainfo that this version cannot read'],
  // A bad flag or setting: say which and why.
  'config.usage': ['ConfigError', 'a flag or argument that cannot be used'],
  'config.value': ['ConfigError', 'a value that is out of range or malformed'],
  // The payload is not what the metainfo says.
  'payload.mismatch': ['PayloadError', 'the payload fails verification'],
} as const satisfies Record<string, readonly [ErrorFamily, string]>

export type ErrorCode = keyof typeof ERROR_CODES

type CodeOf<F extends ErrorFamily> = {
  [C in ErrorCode]: (typeof ERROR_CODES)[C][0] extends F ? C : never
}[ErrorCode]

export interface ErrorDetails {
  /** The underlying error, for example Node's with its errno. */
  readonly cause?: unknown
  /** Facts for the event: small, printable, no secrets. */
  readonly data?: Readonly<Record<string, string | number | boolean>>
}

export abstract class SwarmError<F extends ErrorFamily = ErrorFamily> extends Error {
  abstract readonly family: F
  readonly code: CodeOf<F>
  readonly data: Readonly<Record<string, string | number | boolean>>

  /** @param message one line for a person: what is wrong, and where */
  constructor(code: CodeOf<F>, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.data = details.data ?? {}
    this.name = new.target.name
  }
}

export class ProtocolError extends SwarmError<'ProtocolError'> {
  readonly family = 'ProtocolError'
}
export class TransportError extends SwarmError<'TransportError'> {
  readonly family = 'TransportError'
}
export class StorageError extends SwarmError<'StorageError'> {
  readonly family = 'StorageError'
}
export class MetainfoError extends SwarmError<'MetainfoError'> {
  readonly family = 'MetainfoError'
}
export class ConfigError extends SwarmError<'ConfigError'> {
  readonly family = 'ConfigError'
}
export class PayloadError extends SwarmError<'PayloadError'> {
  readonly family = 'PayloadError'
}

/** A bug of ours. Never caught: the process ends with exit code 1, and the message holds the state. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Asserts what must hold here whatever a remote sends. */
export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new InvariantError(message)
}
