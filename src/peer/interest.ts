/** Which sources have a piece that we do not have. */
import type { Bitfield } from '../protocol/bitfield.ts'
import type { SourceQueue } from './source-queue.ts'

/** 2^32 divided by the golden ratio: multiples of it fall far apart. */
const SPREAD = 0x9e3779b9

/**
 * Each source is kept with one piece that it has and we do not, its witness. While we lack that one nothing else about the
 * source matters, so that a piece which is written concerns only the few sources that it was the witness of.
 *
 * The next witness is looked for behind the last one: a source's bitfield is gone round once, not once a piece.
 */
export class Interest {
  readonly #have: Bitfield
  readonly #byWitness = new Map<number, Set<SourceQueue>>()
  readonly #witnesses = new Map<SourceQueue, number>()

  /** @param have the live one: its owner sets a bit, then calls {@link onHad} */
  constructor(have: Bitfield) {
    this.#have = have
  }

  has(queue: SourceQueue): boolean {
    return this.#witnesses.has(queue)
  }

  /** Searches begin at places that are spread, so that sources with the same pieces do not share their witnesses. */
  add(queue: SourceQueue): void {
    const part = (Math.imul(queue.id, SPREAD) >>> 0) / 2 ** 32
    this.#seek(queue, Math.floor(part * this.#have.length))
  }

  remove(queue: SourceQueue): void {
    const witness = this.#witnesses.get(queue)
    if (witness === undefined) return
    this.#witnesses.delete(queue)
    const sharers = this.#byWitness.get(witness)!
    sharers.delete(queue)
    if (sharers.size === 0) this.#byWitness.delete(witness)
  }

  /** A source has one more piece. */
  onHave(queue: SourceQueue, piece: number): void {
    if (!this.#have.has(piece) && !this.#witnesses.has(queue)) this.#set(queue, piece)
  }

  /** We lack a piece that we had. */
  onLost(piece: number, queues: Iterable<SourceQueue>): void {
    for (const queue of queues) if (queue.bitfield.has(piece)) this.onHave(queue, piece)
  }

  /**
   * We have one more piece.
   *
   * @returns the sources that have nothing for us any more
   */
  onHad(piece: number): SourceQueue[] {
    const queues = this.#byWitness.get(piece)
    if (queues === undefined) return []
    this.#byWitness.delete(piece)
    return [...queues].filter((queue) => {
      this.#witnesses.delete(queue)
      return !this.#seek(queue, piece)
    })
  }

  /** @returns whether there is a witness */
  #seek(queue: SourceQueue, start: number): boolean {
    const piece = queue.bitfield.seekNotIn(this.#have, start)
    if (piece < 0) return false
    this.#set(queue, piece)
    return true
  }

  #set(queue: SourceQueue, piece: number): void {
    this.#witnesses.set(queue, piece)
    const sharers = this.#byWitness.get(piece)
    if (sharers === undefined) this.#byWitness.set(piece, new Set([queue]))
    else sharers.add(queue)
  }
}
