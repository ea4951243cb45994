/** Which pieces a remote says it has, perhaps before we know how many pieces there are. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import { ProtocolError } from '../protocol/errors.ts'

/** `have` messages kept while the metainfo is not known yet. */
export const MAX_EARLY_HAVES = 16_384

export interface RemotePiecesObserver {
  /** It has said what it has. Comes once at most, before any `onOne`. One that has nothing may never say so (BEP 3). */
  onAll(): void
  /** It has one more. */
  onOne(piece: number): void
}

/** What comes before the metainfo is kept as it came, within bounds, and is checked once the metainfo is known. */
export class RemotePieces {
  readonly #observer: RemotePiecesObserver
  #geometry: PieceGeometry | undefined
  #field: Bitfield | undefined
  #hasSpoken = false
  #earlyBitfield: Uint8Array | undefined
  #earlyHaves: number[] = []

  constructor(observer: RemotePiecesObserver) {
    this.#observer = observer
  }

  /** Undefined until the metainfo is known. */
  get field(): Bitfield | undefined {
    return this.#field
  }

  /** @throws {ProtocolError} `wire.bad-bitfield`, `wire.bad-piece`: what it said before does not fit this torrent */
  onMetainfo(geometry: PieceGeometry): void {
    this.#geometry = geometry
    const bytes = this.#earlyBitfield
    const haves = this.#earlyHaves
    this.#earlyBitfield = undefined
    this.#earlyHaves = []
    const field = bytes ? Bitfield.fromBytes(bytes, geometry.pieceCount) : new Bitfield(geometry.pieceCount)
    for (const piece of haves) field.set(checkPiece(piece, geometry))
    this.#field = field.isFull ? geometry.everyPiece : field
    if (bytes || haves.length > 0) this.#speak()
  }

  /**
   * BEP 3 allows it only as the first message. But many clients send their extension handshake before it, and aria2 sends
   * another one instead of many haves: a later one is taken for the haves that it contains.
   *
   * @param bytes copied when they are kept
   * @throws {ProtocolError} `wire.bad-bitfield`
   */
  onBitfield(bytes: Uint8Array): void {
    if (this.#geometry === undefined) {
      this.#earlyBitfield = bytes.slice()
      return
    }
    const field = Bitfield.fromBytes(bytes, this.#geometry.pieceCount)
    if (this.#hasSpoken) this.#addAll(field)
    else {
      this.#field = field.isFull ? this.#geometry.everyPiece : field
      this.#speak()
    }
  }

  /**
   * @returns whether that was news
   * @throws {ProtocolError} `wire.bad-piece`
   */
  onHave(piece: number): boolean {
    if (this.#geometry === undefined) {
      if (this.#earlyHaves.length === MAX_EARLY_HAVES)
        throw new ProtocolError('wire.bad-bitfield', 'too many have messages before the metainfo')
      this.#earlyHaves.push(piece)
      return true
    }
    checkPiece(piece, this.#geometry)
    this.#speak()
    if (!this.#field!.set(piece)) return false
    this.#observer.onOne(piece)
    return true
  }

  /** Finds what is new by whole words, so that a large bitfield that says nothing new costs little. */
  #addAll(field: Bitfield): void {
    const known = this.#field!
    for (let piece = field.seekNotIn(known, 0); piece !== -1; piece = field.seekNotIn(known, piece))
      this.onHave(piece)
  }

  #speak(): void {
    if (this.#hasSpoken) return
    this.#hasSpoken = true
    this.#observer.onAll()
  }
}

function checkPiece(piece: number, geometry: PieceGeometry): number {
  if (!geometry.isPiece(piece)) throw new ProtocolError('wire.bad-piece', `there is no piece ${piece}`)
  return piece
}
