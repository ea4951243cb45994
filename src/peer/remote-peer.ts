/** The peer at the other end of a connection: where and who it is, which pieces it has, and which extensions it speaks. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import { formatEndpoint, type Endpoint } from '../protocol/endpoint.ts'
import { RemoteExtensions, type ExtensionFields } from '../protocol/extension.ts'
import type { PeerId } from '../protocol/ids.ts'
import { RemotePieces, type RemotePiecesObserver } from './remote-pieces.ts'

/** Who opened the connection: `in` when the remote called us, `out` when we dialled it. */
export type Direction = 'in' | 'out'

export interface RemotePeerOptions {
  readonly endpoint: Endpoint
  readonly direction: Direction
  readonly peerId: PeerId
  /** The client's name as its peer id gives it. */
  readonly client: string
  readonly pieces: RemotePiecesObserver
}

/** But for the endpoint, all of this is the remote's own word: its form and its bounds are checked, its truth cannot be. */
export class RemotePeer {
  /** The far end of the connection. Of a caller this is a port that nobody can dial: see {@link listenEndpoint}. */
  readonly endpoint: Endpoint
  /** {@link endpoint} as text, for events. */
  readonly address: string
  readonly direction: Direction
  readonly peerId: PeerId
  readonly #clientByPeerId: string
  readonly #pieces: RemotePieces
  readonly #extensions = new RemoteExtensions()

  constructor({ endpoint, direction, peerId, client, pieces }: RemotePeerOptions) {
    this.endpoint = endpoint
    this.address = formatEndpoint(endpoint)
    this.direction = direction
    this.peerId = peerId
    this.#clientByPeerId = client
    this.#pieces = new RemotePieces(pieces)
  }

  // Its pieces (BEP 3).

  /** The live bitfield; undefined until the metainfo is known. */
  get pieces(): Bitfield | undefined {
    return this.#pieces.field
  }

  has(piece: number): boolean {
    return this.pieces?.has(piece) ?? false
  }

  get isSeed(): boolean {
    return this.pieces?.isFull ?? false
  }

  /** It wants nothing from anybody: it has everything, or says so (BEP 21, `upload_only`). */
  get isUploadOnly(): boolean {
    return this.isSeed || this.#extensions.fields.isUploadOnly === true
  }

  /** @throws {ProtocolError} when the pieces that it has named before do not exist */
  onMetainfo(geometry: PieceGeometry): void {
    this.#pieces.onMetainfo(geometry)
  }

  /** @throws {ProtocolError} `wire.bad-bitfield` */
  onBitfield(bytes: Uint8Array): void {
    this.#pieces.onBitfield(bytes)
  }

  /**
   * @returns whether that was news
   * @throws {ProtocolError} `wire.bad-piece`; `wire.bad-bitfield` when there are too many before the metainfo
   */
  onHave(piece: number): boolean {
    return this.#pieces.onHave(piece)
  }

  // Its extension handshakes (BEP 10).

  /** Name and version of its software. */
  get client(): string {
    return this.#extensions.fields.client ?? this.#clientByPeerId
  }

  /** Where it accepts connections: where we dialled it or, of a caller, the port that it named (`p`). */
  get listenEndpoint(): Endpoint | undefined {
    if (this.direction === 'out') return this.endpoint
    const { port } = this.#extensions.fields
    return port === undefined ? undefined : { host: this.endpoint.host, port }
  }

  /** Bytes of the info dictionary, when it can send it (BEP 9). */
  get metadataSize(): number | undefined {
    return this.#extensions.fields.metadataSize
  }

  /** Whether it accepts messages of the extension. */
  speaks(extension: string): boolean {
    return this.#extensions.has(extension)
  }

  /** @returns the whole message, with the number that it gave the extension; undefined when it does not speak it */
  encodeExtended(extension: string, payload: Uint8Array): Uint8Array | undefined {
    return this.#extensions.encode(extension, payload)
  }

  /**
   * @returns all that it has said of itself so far
   * @throws {ProtocolError} `bencode.malformed`
   */
  onExtensionHandshake(payload: Uint8Array): ExtensionFields {
    this.#extensions.onHandshake(payload)
    return this.#extensions.fields
  }
}
