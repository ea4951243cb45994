/**
 * Who sent which block of a piece that failed its hash, until a copy of it passes: then each block that differs convicts its sender,
 * and nobody else. Pieces that pass at once cost nothing: no block of them is hashed or remembered.
 */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Hashes } from '../protocol/ports.ts'

/** Bytes of evidence kept, a five-hundredth of the length of the bad pieces. Beyond this the oldest is forgotten, and convicts nobody. */
export const MAX_EVIDENCE_BYTES = 4 * 2 ** 20

/** Blocks of one piece that are named as evidence. */
export const MAX_NAMED_BLOCKS = 64

const DIGEST_LENGTH = 32

export interface Conviction {
  /** Id of the source. */
  readonly id: number
  readonly piece: number
  /** The wrong blocks among those that it sent; undefined when it sent the whole piece, of which at least one is wrong. */
  readonly blocks: readonly number[] | undefined
}

interface BadCopy {
  /** For each block the id of the source that sent it. */
  readonly senders: Int32Array
  /**
   * The SHA-256 of each block, one after the other. Not SHA-1, although pieces are hashed with it: whoever made the payload could have
   * made two blocks with the same digest, and send the wrong one.
   */
  readonly digests: Uint8Array
}

export class BlockEvidence {
  readonly #hashes: Pick<Hashes, 'sha256'>
  readonly #copies = new Map<number, BadCopy>()
  #bytes = 0

  constructor(hashes: Pick<Hashes, 'sha256'>) {
    this.#hashes = hashes
  }

  /** Bytes of evidence that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  has(piece: number): boolean {
    return this.#copies.has(piece)
  }

  /**
   * A piece with blocks of several sources is bad. If it was bad before, the first copy remains the evidence.
   *
   * @param senders for each block the id of its source
   * @param bytes the whole piece
   */
  add(piece: number, senders: Int32Array, bytes: Uint8Array): void {
    if (this.#copies.has(piece)) return
    const digests = new Uint8Array(DIGEST_LENGTH * senders.length)
    for (let block = 0; block < senders.length; block++)
      digests.set(this.#digestOf(bytes, block), DIGEST_LENGTH * block)
    this.#copies.set(piece, { senders, digests })
    this.#bytes += sizeOf({ senders, digests })
    for (const [oldest] of this.#copies) {
      if (this.#bytes <= MAX_EVIDENCE_BYTES) break
      this.#take(oldest)
    }
  }

  /** A piece is good: tells who sent wrong blocks of the bad copy, and forgets the evidence. */
  convict(piece: number, bytes: Uint8Array): readonly Conviction[] {
    const copy = this.#take(piece)
    if (copy === undefined) return []
    const blocks = new Map<number, number[]>()
    for (const [block, sender] of copy.senders.entries()) {
      if (isAt(copy.digests, DIGEST_LENGTH * block, this.#digestOf(bytes, block))) continue
      const own = blocks.get(sender)
      if (own === undefined) blocks.set(sender, [block])
      else own.push(block)
    }
    return Array.from(blocks, ([id, own]) => ({ id, piece, blocks: own }))
  }

  #digestOf(bytes: Uint8Array, block: number): Uint8Array {
    return this.#hashes.sha256(bytes.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH))
  }

  #take(piece: number): BadCopy | undefined {
    const copy = this.#copies.get(piece)
    if (copy === undefined) return undefined
    this.#copies.delete(piece)
    this.#bytes -= sizeOf(copy)
    return copy
  }
}

function sizeOf({ senders, digests }: BadCopy): number {
  return senders.byteLength + digests.byteLength
}

function isAt(all: Uint8Array, offset: number, digest: Uint8Array): boolean {
  return digest.every((byte, i) => all[offset + i] === byte)
}
