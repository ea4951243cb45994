/**
 * Write tokens: proof that the sender of an announce can hear us at its address. Bound to address, info hash and
 * node id, so that one token neither serves a second torrent nor a second host; not to the port, which NATs change.
 */
import { encodeBase64Url } from '../../protocol/base64.ts'
import { COMPACT_LENGTH, familyOf, packEndpoint, type Family } from '../../protocol/endpoint.ts'
import { ID_LENGTH, type InfoHash, type NodeId } from '../../protocol/ids.ts'
import type { Millis, Random } from '../../protocol/ports.ts'
import { sipHash128, SIPHASH_KEY_LENGTH } from './siphash.ts'

/** A secret makes tokens for this long and is accepted for as long again (BEP 5). */
const EPOCH: Millis = 5 * 60_000

const TOKEN_BYTES = 12

export class Tokens {
  readonly #random: Random
  /** The secrets, one character per byte: a string takes a sixth of an array, and a simulation has a hundred thousand of them. */
  #current: string
  #previous: string
  /** When the current one was drawn. */
  #since: Millis

  constructor(random: Random, now: Millis) {
    this.#random = random
    this.#current = secretFrom(random)
    this.#previous = secretFrom(random)
    this.#since = now
  }

  /** The token for an announce of `infoHash` by the node `id` at `host`; valid for five to ten minutes. */
  issue(host: string, infoHash: InfoHash, id: NodeId, now: Millis): string {
    this.#rotate(now)
    return tokenOf(this.#current, statement(host, infoHash, id))
  }

  isValid(token: string, host: string, infoHash: InfoHash, id: NodeId, now: Millis): boolean {
    this.#rotate(now)
    const said = statement(host, infoHash, id)
    // Both are always computed and compared in full: the time taken tells nothing.
    const isCurrent = isSame(token, tokenOf(this.#current, said))
    const isPrevious = isSame(token, tokenOf(this.#previous, said))
    return isCurrent || isPrevious
  }

  /** Forgets all secrets: earlier tokens are no longer valid. */
  renew(now: Millis): void {
    this.#current = secretFrom(this.#random)
    this.#previous = secretFrom(this.#random)
    this.#since = now
  }

  #rotate(now: Millis): void {
    const epochs = Math.floor((now - this.#since) / EPOCH)
    if (epochs <= 0) return
    // After two epochs without a request, neither secret was used.
    this.#previous = epochs > 1 ? secretFrom(this.#random) : this.#current
    this.#current = secretFrom(this.#random)
    this.#since += epochs * EPOCH
  }
}

function secretFrom(random: Random): string {
  return String.fromCharCode(...random.fill(key))
}

function tokenOf(secret: string, said: Uint8Array): string {
  for (let i = 0; i < SIPHASH_KEY_LENGTH; i++) key[i] = secret.charCodeAt(i)
  sipHash128(key, said, digest)
  return encodeBase64Url(tokenBytes)
}

const STATEMENTS: Readonly<Record<Family, Uint8Array>> = {
  4: new Uint8Array(COMPACT_LENGTH[4] + 2 * ID_LENGTH),
  6: new Uint8Array(COMPACT_LENGTH[6] + 2 * ID_LENGTH),
}

/** Compact endpoint (its length tells the family, its port is 0), info hash, node id. Valid until the next one. */
function statement(host: string, infoHash: InfoHash, id: NodeId): Uint8Array {
  const bytes = STATEMENTS[familyOf(host)]
  const at = packEndpoint({ host, port: 0 }, bytes, 0)
  for (let i = 0; i < ID_LENGTH; i++) {
    bytes[at + i] = infoHash[i]!
    bytes[at + ID_LENGTH + i] = id[i]!
  }
  return bytes
}

/** Shared by all tokens: slicing an array of its own would take longer than the hash. */
const key = new Uint8Array(SIPHASH_KEY_LENGTH)
const digest = new Uint8Array(16)
const tokenBytes = digest.subarray(0, TOKEN_BYTES)

/** In time that does not depend on where they differ. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
