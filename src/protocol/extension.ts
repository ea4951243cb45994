/** The extension protocol (BEP 10): its handshake, and which number means which extension on a connection. */
import type { BencodeDict } from './bencode.ts'
import { decodeBencodeDict } from './bencode.ts'
import { encodeBencode } from './bencode-writer.ts'
import { packHost, unpackHost } from './endpoint.ts'
import { invariant } from './errors.ts'
import { encodeExtended } from './message.ts'
import { excerpt } from './text.ts'

/** The number of the handshake itself. */
export const EXTENSION_HANDSHAKE_ID = 0

/** Extensions that a remote may name; clients have about ten. */
const MAX_EXTENSIONS = 64
/** Characters of a client's name that are kept. */
const MAX_CLIENT_LENGTH = 64
/** Bencode values in a handshake: room for all extensions and twenty more keys. */
const MAX_HANDSHAKE_VALUES = 256

/** What each side says about itself. Whatever a remote leaves out or gets wrong is undefined. */
export interface ExtensionFields {
  /** Client name and version (`v`): printable, at most 64 characters. */
  readonly client?: string | undefined
  /** TCP port that the sender listens on (`p`). */
  readonly port?: number | undefined
  /** Requests that the sender queues (`reqq`), at least 1. */
  readonly requestQueue?: number | undefined
  /** IP address that the sender sees the receiver at (`yourip`). */
  readonly yourIp?: string | undefined
  /** The sender wants nothing, or no longer (BEP 21). */
  readonly isUploadOnly?: boolean | undefined
  /** Bytes of the info dictionary (BEP 9). */
  readonly metadataSize?: number | undefined
  /** UDP port of the sender's node of the JSON DHT (`bitswarm_dht`); BEP 5's port message is for another DHT. */
  readonly dhtPort?: number | undefined
  /** Bytes of the longest block that the sender serves (`bitswarm_block`), if longer than the usual 16 KiB. */
  readonly longestBlock?: number | undefined
}

export interface ExtensionHandshake extends ExtensionFields {
  /** Number by name; 0 switches an extension off. */
  readonly ids: ReadonlyMap<string, number>
}

export function encodeExtensionHandshake(handshake: ExtensionHandshake): Uint8Array {
  const { ids, client, port, requestQueue, yourIp, isUploadOnly, metadataSize, dhtPort, longestBlock } =
    handshake
  return encodeBencode({
    m: ids,
    v: client,
    p: port,
    reqq: requestQueue,
    yourip: yourIp === undefined ? undefined : packHost(yourIp),
    upload_only: isUploadOnly ? 1 : undefined,
    metadata_size: metadataSize,
    bitswarm_dht: dhtPort,
    bitswarm_block: longestBlock,
  })
}

/**
 * Reads an extension handshake. Unknown keys and values of the wrong type are skipped: clients disagree on them.
 *
 * @throws {ProtocolError} `bencode.malformed` when the payload is no dictionary at all
 */
export function decodeExtensionHandshake(payload: Uint8Array): ExtensionHandshake {
  const dict = decodeBencodeDict(payload, { maxValues: MAX_HANDSHAKE_VALUES })
  const client = excerpt(dict.text('v') ?? '', MAX_CLIENT_LENGTH)
  const uploadOnly = integerWithin(dict, 'upload_only', 0, 1)
  return {
    ids: readIds(dict.dict('m')),
    client: client === '' ? undefined : client,
    port: integerWithin(dict, 'p', 1, 65_535),
    requestQueue: integerWithin(dict, 'reqq', 1, 2 ** 31),
    yourIp: readHost(dict.bytes('yourip')),
    isUploadOnly: uploadOnly === undefined ? undefined : uploadOnly === 1,
    metadataSize: integerWithin(dict, 'metadata_size', 1, 2 ** 31),
    dhtPort: integerWithin(dict, 'bitswarm_dht', 1, 65_535),
    longestBlock: integerWithin(dict, 'bitswarm_block', 1, 2 ** 31),
  }
}

function readIds(dict: BencodeDict | undefined): ReadonlyMap<string, number> {
  const ids = new Map<string, number>()
  for (const [name, id] of dict?.entries() ?? []) {
    if (ids.size === MAX_EXTENSIONS) break
    if (typeof id === 'number' && id >= 0 && id <= 255) ids.set(name, id)
  }
  return ids
}

function integerWithin(dict: BencodeDict, key: string, least: number, most: number): number | undefined {
  const value = dict.integer(key)
  return value !== undefined && value >= least && value <= most ? value : undefined
}

function readHost(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4) return unpackHost(bytes, 0, 4)
  return bytes?.length === 16 ? unpackHost(bytes, 0, 6) : undefined
}

/** Takes the payload of one extended message; `payload` is valid only during the call. */
export type ExtensionHandler<Peer> = (peer: Peer, payload: Uint8Array) => void

/**
 * The extensions that a torrent's connections speak, each with the number that remotes must use for it. One registry
 * serves all connections; what it must not offer (PEX on a private torrent) is simply not registered.
 *
 * @typeParam Peer whatever a handler needs to know its connection
 */
export class ExtensionRegistry<Peer> {
  readonly #ids = new Map<string, number>()
  readonly #handlers: (ExtensionHandler<Peer> | undefined)[] = [undefined]

  register(name: string, handler: ExtensionHandler<Peer>): void {
    invariant(!this.#ids.has(name) && this.#ids.size < 255, `the extension ${name} cannot be registered`)
    this.#ids.set(name, this.#handlers.length)
    this.#handlers.push(handler)
  }

  /** The whole message, ready to be written. */
  encodeHandshake(fields: ExtensionFields): Uint8Array {
    return encodeExtended(EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake({ ...fields, ids: this.#ids }))
  }

  /** @returns false when no extension has that number: the message is ignored, as BEP 10 says */
  dispatch(id: number, peer: Peer, payload: Uint8Array): boolean {
    const handler = this.#handlers[id]
    handler?.(peer, payload)
    return handler !== undefined
  }
}

/** The numbers that one remote gave its extensions. Handshakes may come again, to add extensions or drop some. */
export class RemoteExtensions {
  readonly #ids = new Map<string, number>()
  #fields: ExtensionFields = {}

  /** What the remote told about itself, all its handshakes taken together. */
  get fields(): ExtensionFields {
    return this.#fields
  }

  /** @throws {ProtocolError} `bencode.malformed` */
  onHandshake(payload: Uint8Array): void {
    const { ids, ...fields } = decodeExtensionHandshake(payload)
    for (const [name, id] of ids) {
      if (id === 0) this.#ids.delete(name)
      else if (this.#ids.has(name) || this.#ids.size < MAX_EXTENSIONS) this.#ids.set(name, id)
    }
    const told = Object.entries(fields).filter(([, value]) => value !== undefined)
    this.#fields = { ...this.#fields, ...Object.fromEntries(told) }
  }

  has(name: string): boolean {
    return this.#ids.has(name)
  }

  /** The whole message, ready to be written; undefined when the remote does not speak the extension. */
  encode(name: string, payload: Uint8Array): Uint8Array | undefined {
    const id = this.#ids.get(name)
    return id === undefined ? undefined : encodeExtended(id, payload)
  }
}
