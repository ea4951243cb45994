/** Which sources have a piece that we do not have: whether we are interested in them (BEP 3). */
import type { Bitfield } from '../protocol/bitfield.ts'
import type { BlockSource, SourceQueue } from './source-queue.ts'

/** 2^32 divided by the golden ratio: multiples of it fall far apart. */
const SPREAD = 0x9e3779b9

const NOBODY: readonly BlockSource[] = []

/**
 * For each source one piece is remembered that it has and we do not: its witness. While we lack that piece, we are interested,
 * whatever else happens. So a piece that is written concerns only the few sources whose witness it was.
 *
 * The search for the next witness goes on behind the last one: in a whole download it goes round a source's bitfield once.
 */
export class Interest {
  readonly #have: Bitfield
  readonly #byWitness = new Map<number, Set<SourceQueue>>()

  /** @param have the live one: its owner sets a bit, then calls {@link onHad} */
  constructor(have: Bitfield) {
    this.#have = have
  }

  has(queue: SourceQueue): boolean {
    return queue.witness >= 0
  }

  /** Each search begins at another place, so that sources with the same pieces do not all have the same witness. */
  add(queue: SourceQueue): void {
    const part = (Math.imul(queue.id, SPREAD) >>> 0) / 2 ** 32
    this.#seek(queue, Math.floor(part * this.#have.length))
  }

  remove(queue: SourceQueue): void {
    const { witness } = queue
    if (witness < 0) return
    queue.witness = -1
    const sharers = this.#byWitness.get(witness)!
    sharers.delete(queue)
    if (sharers.size === 0) this.#byWitness.delete(witness)
  }

  /** A source has one more piece. */
  onHave(queue: SourceQueue, piece: number): void {
    if (!this.#have.has(piece) && queue.witness < 0) this.#set(queue, piece)
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
  onHad(piece: number): readonly BlockSource[] {
    const queues = this.#byWitness.get(piece)
    if (queues === undefined) return NOBODY
    this.#byWitness.delete(piece)
    const used: BlockSource[] = []
    for (const queue of queues) {
      queue.witness = -1
      if (!this.#seek(queue, piece)) used.push(queue.source)
    }
    return used
  }

  /** @returns whether a witness was found */
  #seek(queue: SourceQueue, start: number): boolean {
    const piece = queue.bitfield.seekNotIn(this.#have, start)
    if (piece < 0) return false
    this.#set(queue, piece)
    return true
  }

  #set(queue: SourceQueue, piece: number): void {
    queue.witness = piece
    const sharers = this.#byWitness.get(piece)
    if (sharers === undefined) this.#byWitness.set(piece, new Set([queue]))
    else sharers.add(queue)
  }
}
