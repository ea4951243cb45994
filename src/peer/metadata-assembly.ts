/** One attempt to put an info dictionary together, from blocks of several peers or of one. */
import { METADATA_BLOCK_LENGTH } from '../protocol/metadata-message.ts'
import type { Millis } from '../protocol/ports.ts'

interface Block {
  bytes: Uint8Array | undefined
  /** The id of the peer that was asked last, or that sent it; 0 for none. */
  peer: number
  /** From then on it may be requested from another peer. */
  dueAt: Millis
  /** Peers whose answer may still come, however late. */
  readonly askedOf: Set<number>
}

export class MetadataAssembly {
  /** Bytes of the whole dictionary. */
  readonly size: number
  readonly startedAt: Millis
  /** The one peer that all blocks have to come from, once an attempt with several has failed. */
  readonly sole: number | undefined
  readonly #blocks: Block[]
  #missing: number

  constructor(size: number, startedAt: Millis, sole?: number) {
    this.size = size
    this.startedAt = startedAt
    this.sole = sole
    this.#missing = Math.ceil(size / METADATA_BLOCK_LENGTH)
    this.#blocks = Array.from({ length: this.#missing }, () => ({
      bytes: undefined,
      peer: 0,
      dueAt: -Infinity,
      askedOf: new Set(),
    }))
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  /** The ids of the peers that sent what is there. */
  get contributors(): ReadonlySet<number> {
    return new Set(this.#blocks.filter(({ bytes }) => bytes !== undefined).map(({ peer }) => peer))
  }

  get receivedCount(): number {
    return this.#blocks.length - this.#missing
  }

  /** An answer came from this peer. @returns whether it was asked, and has not answered before */
  onAnswer(at: number, peer: number): boolean {
    return this.#blocks[at]?.askedOf.delete(peer) ?? false
  }

  /** Blocks requested from a peer that have neither come nor are overdue. */
  inFlight(peer: number, now: Millis): number {
    return this.#blocks.filter((block) => block.peer === peer && isAwaited(block, now)).length
  }

  /** The ids of peers with an overdue block. */
  silent(now: Millis): ReadonlySet<number> {
    return new Set(
      this.#blocks
        .filter((block) => block.bytes === undefined && block.peer !== 0 && !isAwaited(block, now))
        .map(({ peer }) => peer),
    )
  }

  /** Chooses the next block for `peer`, and counts it as requested for so long. @returns -1 when there is none */
  ask(peer: number, now: Millis, timeout: Millis): number {
    const at = this.#blocks.findIndex((block) => block.bytes === undefined && !isAwaited(block, now))
    if (at < 0) return -1
    const block = this.#blocks[at]!
    Object.assign(block, { peer, dueAt: now + timeout })
    block.askedOf.add(peer)
    return at
  }

  /** The peer is slow, but sends: its other blocks, unless others were asked for them since, are overdue only so long from now. */
  renew(peer: number, now: Millis, timeout: Millis): void {
    for (const block of this.#blocks)
      if (block.bytes === undefined && block.askedOf.has(peer) && (block.peer === peer || block.peer === 0))
        Object.assign(block, { peer, dueAt: now + timeout })
  }

  /** Keeps the block, a copy of it, unless it has come before. @returns whether it has the right length */
  put(at: number, peer: number, bytes: Uint8Array): boolean {
    const block = this.#blocks[at]!
    const length = Math.min(METADATA_BLOCK_LENGTH, this.size - at * METADATA_BLOCK_LENGTH)
    if (bytes.length !== length) return false
    if (block.bytes !== undefined) return true
    Object.assign(block, { peer, bytes: bytes.slice() })
    this.#missing--
    return true
  }

  /** What was requested from a peer and has not come may be requested from others. */
  release(peer: number): void {
    for (const block of this.#blocks)
      if (block.peer === peer && block.bytes === undefined)
        Object.assign(block, { peer: 0, dueAt: -Infinity })
  }

  /** All blocks, one after the other. */
  join(): Uint8Array {
    const whole = new Uint8Array(this.size)
    for (const [at, { bytes }] of this.#blocks.entries()) whole.set(bytes!, at * METADATA_BLOCK_LENGTH)
    return whole
  }
}

function isAwaited({ bytes, dueAt }: Block, now: Millis): boolean {
  return bytes === undefined && now < dueAt
}
