/**
 * The ports through which the core reaches the world. `app/node` and `storage/fs` implement them for production, `app/sim`
 * for simulations; nothing below `app` knows which.
 */
import type { TransportError } from './errors.ts'
import type { Endpoint, Family } from './endpoint.ts'

/** Milliseconds on a monotonic clock. Never a wall-clock date. */
export type Millis = number

/** Cancels what was asked for. Calling it twice, or too late, is harmless. */
export type Cancel = () => void

export interface Clock {
  now(): Millis
  /** Unix time in milliseconds. For logs, files and frames only, never for a timeout. */
  wallNow(): number
  /** Runs `fn` once, `delay` from now; never before this call has returned. */
  after(delay: Millis, fn: () => void): Cancel
}

/** A timer that can be set again and again. */
export interface Alarm {
  /** It rings once, at this time of its clock instead of any time set before; never before this call has returned. */
  set(at: Millis): void
  /** Stops it until it is set again. */
  clear(): void
}

export interface AlarmClock extends Clock {
  /** @param fn called when it rings */
  alarm(fn: () => void): Alarm
}

export interface Random {
  /** Uniform integer in `0 … below - 1`; `below` at most 2^32. */
  int(below: number): number
  /** Uniform in `[0, 1)`. */
  float(): number
  fill(bytes: Uint8Array): Uint8Array
  /** An independent stream, so that one more draw here does not reshuffle another component. */
  fork(name: string): Random
}

/** One UDP socket of one address family. */
export interface Datagrams {
  readonly local: Endpoint
  /** Best effort: may drop, reorder or duplicate; never throws for a remote reason. `data` may be reused after the call. */
  send(data: Uint8Array, to: Endpoint): void
  /** Set by the user of the socket. `data` is valid only during the call. */
  onDatagram: (data: Uint8Array, from: Endpoint) => void
  close(): void
}

/** A multicast group of one address family, on every interface of the machine. */
export interface MulticastGroup {
  readonly group: Endpoint
  /** To all listeners, once on every interface; our own process hears it, too. Best effort. `data` may be reused after the call. */
  send(data: Uint8Array): void
  /** Set by the user of the group. `data` is valid only during the call. */
  onDatagram: (data: Uint8Array, from: Endpoint) => void
  /** Set by the user of the group: it was joined on an interface that was not there when the group was opened. */
  onInterface: () => void
  /** Set by the user of the group: it cannot be joined, and nothing will come. Called once at most, in a later turn. */
  onFailed: (error: TransportError) => void
  close(): void
}

/** A reliable, ordered connection. After `onClose` nothing else is called. */
export interface ByteStream {
  readonly remote: Endpoint
  /** Set by the user of the stream before the turn that delivered the stream ends. */
  handler: StreamHandler
  /**
   * Queues `data`, which must stay unchanged until `done` is called: exactly once, when the bytes were handed to
   * the network or the stream closed. Writes of one turn go out together.
   */
  write(data: Uint8Array, done?: () => void): void
  /** Bytes written and not yet handed to the network. */
  readonly queuedBytes: number
  /** Stops and restarts `onData`. What is already in flight may still arrive once after `pause`. */
  pause(): void
  resume(): void
  /** Drops what is queued and closes at once. `onClose` follows in a later turn. */
  destroy(): void
}

export interface StreamHandler {
  /** `chunk` is valid only during the call: the buffer behind it is reused. Never a Node Buffer, whose `slice` does not copy. */
  onData(chunk: Uint8Array): void
  /** `queuedBytes` fell to zero after it had been above zero. */
  onDrain(): void
  /** The stream is gone; with `error` unless it ended cleanly. */
  onClose(error?: TransportError): void
}

export interface Dialer {
  /** Ends in exactly one call of `onResult`, in a later turn, unless cancelled. Time-out: {@link TransportError} `net.timeout`. */
  dial(to: Endpoint, timeout: Millis, onResult: (result: ByteStream | TransportError) => void): Cancel
}

/** A bound TCP address, or several (one per family). */
export interface Listener {
  readonly local: readonly Endpoint[]
  onStream: (stream: ByteStream) => void
  close(): void
}

export interface Resolver {
  /** All addresses of a name; an empty list when there is none or the query failed. */
  resolve(host: string, family: Family | undefined, onResult: (addresses: readonly string[]) => void): void
}

export interface ServiceResolver {
  /** The hosts of a service and their ports (SRV records); hosts may be names. An empty list as in {@link Resolver}. */
  resolveService(name: string, onResult: (hosts: readonly Endpoint[]) => void): void
}

/** Plain HTTP/1.1 exchanges: no redirect is followed, no time limit applies, TLS is verified. The caller decides the rest. */
export interface HttpClient {
  get(request: HttpRequest, handler: HttpHandler): HttpExchange
  /** Closes the connections that are kept for further requests. */
  close(): void
}

export interface HttpRequest {
  /** `http:` or `https:`. */
  readonly url: URL
  /** The IP literal to connect to: one of the addresses of the URL's host, resolved and checked by the caller. */
  readonly address: string
  /** Beside `Host`, `User-Agent` and `Connection`. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpHead {
  readonly status: number
  /** The value of a header, if there is one; `name` in lower case. */
  header(name: string): string | undefined
}

/** Called in this order. Never before `get` has returned, nor after `cancel`. */
export interface HttpHandler {
  /** It no longer waits behind other requests to the same server: a connection is being opened, or a kept one is reused. */
  onTurn(): void
  /** The connection stands, TLS included. */
  onConnected(): void
  onHead(head: HttpHead): void
  /** A part of the body, decompressed; valid only during the call, never a Node Buffer. */
  onData(chunk: Uint8Array): void
  /** The last call. With an error when the exchange broke before its body was complete. */
  onEnd(error?: TransportError): void
}

export interface HttpExchange {
  /** Stops and restarts `onData`. What is already in flight may still arrive once after `pause`. */
  pause(): void
  resume(): void
  cancel(): void
}

/** Copies all of `source` into `target`, from byte `at` on. Either may lie in shared memory. */
export type CopyBytes = (source: Uint8Array, target: Uint8Array, at: number) => void

export interface Hashes {
  sha1(data: Uint8Array): Uint8Array
  /** @param out for the 32 bytes that are returned */
  sha256(data: Uint8Array, out?: Uint8Array): Uint8Array
  /** HMAC-SHA-256. */
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array
}

/** Authenticated encryption: ChaCha20-Poly1305 (RFC 8439). Prepares a key of 32 bytes, which may be reused afterwards. */
export type Aead = (key: Uint8Array) => AeadKey

/** Nonces have 12 bytes, and no key sees one twice. */
export interface AeadKey {
  /** @returns the ciphertext, followed by the tag of 16 bytes */
  seal(nonce: Uint8Array, additional: Uint8Array, plain: Uint8Array): Uint8Array
  /** @returns undefined unless every byte is as it was sealed */
  open(nonce: Uint8Array, additional: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}

/** The byte budget of one direction, shared by all connections. */
export interface Bandwidth {
  /**
   * Asks to move up to `bytes` now. Returns how many are granted, `0 … bytes`; below `bytes` the caller waits for
   * `onRefill` (called once per unfulfilled ask, in the order of asking).
   */
  ask(bytes: number, onRefill: () => void): number
}

/** Where events go. `E` is a union of objects told apart by `event`. */
export type Emit<E extends { readonly event: string }> = (event: E) => void
