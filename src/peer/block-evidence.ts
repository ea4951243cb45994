/**
 * Who sent which block of pieces that came corrupt, until each has come right: then every block that differs convicts its
 * sender, and nobody else. Nothing is hashed, and nothing is kept, for pieces that are right at once.
 */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Hashes } from '../protocol/ports.ts'

/** Bytes of evidence that is kept of bad pieces, a five-hundredth of their lengths. Beyond this the oldest is forgotten, and convicts nobody. */
export const MAX_EVIDENCE_BYTES = 4 * 2 ** 20

/** Blocks of one piece that are named as evidence. */
export const MAX_NAMED_BLOCKS = 64

const DIGEST_LENGTH = 32

export interface Conviction {
  /** Id of the source. */
  readonly id: number
  readonly piece: number
  /** Those that it sent and that are not what they must be; undefined when it sent the whole piece: it is one of them. */
  readonly blocks: readonly number[] | undefined
}

interface BadCopy {
  /** By block. */
  readonly senders: Int32Array
  /**
   * By block, SHA-256 one after the other. Not the SHA-1 of pieces: for that one who made the payload could have made two
   * blocks with the same digest, and send either.
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

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  has(piece: number): boolean {
    return this.#copies.has(piece)
  }

  /**
   * A piece with blocks of several sources is bad. Of one that was bad before, the first copy stays the evidence.
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

  /** A piece is good: who sent what of the bad copy. What was kept of it is forgotten. */
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
