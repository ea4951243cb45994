/** Which pieces a seeder shows to whom, so that it sends each once and others pass it on (BEP 16). */
import { Bitfield } from '../protocol/bitfield.ts'
import type { Millis, Random } from '../protocol/ports.ts'
import { Availability } from './availability.ts'

/** Pieces that a peer is shown before it has asked for one. */
const START_AHEAD = 1
/** Pieces shown to one peer that it has not requested yet, or under a limit not been sent. */
export const MAX_AHEAD = 1_024
/** A peer that may download and takes nothing of what it is shown for so long wants others: it is shown everything. */
export const PATIENCE: Millis = 5_000
/** Pieces that are searched for the next one to show. */
const MAX_SCAN = 4_096

export interface SuperSeedingOptions {
  readonly pieceCount: number
  readonly random: Random
}

interface Guest {
  /** Pieces that it has, was shown, or asked for. */
  readonly known: Bitfield
  /** Pieces that it was told that we have. Undefined when those are all. */
  told: Bitfield | undefined
  /** Shown, and neither asked for nor had since. Undefined when it was shown everything. */
  offers: Set<number> | undefined
  ahead: number
  /** It asked for something since it was last shown more. */
  hasAsked: boolean
  /** When it last took something, or had no chance to. */
  tookAt: Millis
  /** Pieces that it has from us, and nobody from it. */
  unspreadCount: number
}

/**
 * Left to themselves, leechers ask the seeder for the same pieces: each is sent twice while the uplinks of those who have
 * it idle. So each is shown other pieces: always the one that the fewest know of, and always some more than it has asked
 * for. Unlike in BEP 16 nobody has to prove that it passed one on before it is shown the next one: the uplink never idles.
 *
 * Once every piece is known to somebody there is nothing to hide: who comes then is shown everything.
 */
export class SuperSeeding {
  readonly #guests = new Map<number, Guest>()
  /** Pieces that we sent to one guest, and nobody else has. */
  readonly #unspread = new Map<number, Guest>()
  /** By how many know them. */
  readonly #knowers: Availability
  readonly #pieceCount: number
  readonly #random: Random

  constructor({ pieceCount, random }: SuperSeedingOptions) {
    this.#knowers = new Availability(Bitfield.full(pieceCount))
    this.#pieceCount = pieceCount
    this.#random = random
  }

  /** Some piece is known to nobody. */
  get hasFresh(): boolean {
    const knowers = this.#knowers
    knowers.settle()
    return knowers.firstBucket === 0
  }

  /** @param isShownAll it knows our pieces, or is about to be told of them */
  add(id: number, isShownAll: boolean, now: Millis): void {
    this.#guests.set(id, {
      known: new Bitfield(this.#pieceCount),
      told: isShownAll ? undefined : new Bitfield(this.#pieceCount),
      offers: isShownAll ? undefined : new Set(),
      ahead: START_AHEAD,
      hasAsked: false,
      tookAt: now,
      unspreadCount: 0,
    })
  }

  /** What only it knew of is fresh again. */
  remove(id: number): void {
    const guest = this.#guests.get(id)
    if (guest === undefined) return
    this.#guests.delete(id)
    for (const [piece, taker] of this.#unspread) if (taker === guest) this.#unspread.delete(piece)
    this.#knowers.onSource(guest.known, -1)
  }

  onHave(id: number, piece: number): void {
    const guest = this.#guests.get(id)!
    guest.offers?.delete(piece)
    this.#learn(guest, piece)
    this.#spread(guest, piece)
  }

  /** It asked for a block of `piece`. @returns whether it has now asked for all that it was shown */
  onRequest(id: number, piece: number, now: Millis): boolean {
    const guest = this.#guests.get(id)!
    guest.tookAt = now
    guest.hasAsked = true
    this.#learn(guest, piece)
    return guest.offers?.delete(piece) === true && guest.offers.size === 0
  }

  /** It could take more than it is shown: twice as much from now on, if it takes anything. */
  showMore(id: number): void {
    const guest = this.#guests.get(id)!
    if (guest.hasAsked) guest.ahead = Math.min(2 * guest.ahead, MAX_AHEAD)
    guest.hasAsked = false
  }

  /** Nothing can be held against it: it may not download, or is being served. */
  onExcused(id: number, now: Millis): void {
    this.#guests.get(id)!.tookAt = now
  }

  /**
   * Fresh pieces that it is to be shown now. Once it knows of all, those that it had by itself, too: else it would not learn
   * that we have everything, and two that do would hide some piece from each other for ever.
   *
   * @param groupSize pieces that are shown together, from a multiple of it on
   * @param waiting pieces that it has asked for, of those that count like the ones that it has not
   */
  offer(id: number, groupSize: number, waiting = 0): number[] {
    const guest = this.#guests.get(id)!
    const { offers } = guest
    const shown: number[] = []
    // A few messages of many pieces cost less than many of one.
    if (offers === undefined) return shown
    const ahead = guest.ahead - waiting
    while (offers.size < ahead && (shown.length > 0 || offers.size <= ahead / 2)) {
      const group = this.#freshGroup(guest, groupSize)
      if (group.length === 0) break
      for (const piece of group) this.#show(guest, piece)
      shown.push(...group)
    }
    return guest.known.isFull ? [...shown, ...untold(guest)] : shown
  }

  /**
   * We have nothing better to send: what others know of, too. The one that the fewest know of, and no more, for most of what
   * it lacks it is about to get from them.
   */
  repeat(id: number): number[] {
    const guest = this.#guests.get(id)!
    if (guest.offers?.size !== 0) return []
    const found = this.#leastKnown(guest, Infinity)
    for (const piece of found) this.#show(guest, piece)
    return found
  }

  /** It was shown something that it has neither asked for nor had since. */
  hasOffers(id: number): boolean {
    return (this.#guests.get(id)?.offers?.size ?? 0) > 0
  }

  /** It does not know yet that we have everything. */
  isHiding(id: number): boolean {
    const guest = this.#guests.get(id)
    return guest?.offers !== undefined && !guest.known.isFull
  }

  /** Whether it is to be shown everything: it does not take what it is shown, or there is nothing that it could be shown next. */
  isUnwilling(id: number, now: Millis): boolean {
    const guest = this.#guests.get(id)!
    if (guest.offers === undefined || guest.known.isFull) return false
    return now - guest.tookAt >= PATIENCE
  }

  /** From now on it is shown everything. @returns what it was not told of yet */
  showAll(id: number): number[] {
    const guest = this.#guests.get(id)!
    const { known, offers } = guest
    const rest = untold(guest)
    if (offers === undefined) return rest
    guest.offers = undefined
    // It may well leave what it has not taken: that is fresh again.
    const untaken = new Bitfield(known.length)
    for (const piece of offers) {
      known.clear(piece)
      untaken.set(piece)
    }
    this.#knowers.onSource(untaken, -1)
    return rest
  }

  /**
   * What only it takes goes first: to those that pass on what they are sent sooner than to those that do not. The rest of a piece
   * does not have to wait because of its beginning, which nobody can pass on.
   */
  rankOf(id: number, piece: number): number {
    const guest = this.#guests.get(id)!
    if (this.#knowers.countOf(piece) !== 1) return Infinity
    return guest.unspreadCount - Number(this.#unspread.get(piece) === guest)
  }

  /** Pieces that we sent to it, and that nobody has from it. */
  unspreadCount(id: number): number {
    return this.#guests.get(id)?.unspreadCount ?? 0
  }

  /** It is being sent a block of `piece`. */
  onServed(id: number, piece: number): void {
    if (this.#knowers.countOf(piece) !== 1 || this.#unspread.has(piece)) return
    const guest = this.#guests.get(id)!
    this.#unspread.set(piece, guest)
    guest.unspreadCount++
  }

  /** Somebody has it: if it is another than the one that we sent it to, that one has passed it on. */
  #spread(guest: Guest, piece: number): void {
    const taker = this.#unspread.get(piece)
    if (taker === undefined || taker === guest) return
    this.#unspread.delete(piece)
    taker.unspreadCount--
  }

  /** Pieces side by side that nobody knows of. */
  #freshGroup(guest: Guest, groupSize: number): number[] {
    const group: number[] = []
    const [found] = this.#leastKnown(guest, 0)
    if (found === undefined) return group
    const first = found - (found % groupSize)
    const end = Math.min(first + groupSize, this.#pieceCount)
    for (let piece = first; piece < end; piece++) if (this.#knowers.countOf(piece) === 0) group.push(piece)
    return group
  }

  /** One that it does not know of, and of others the fewest; none when none is found among the first. */
  #leastKnown({ known }: Guest, mostKnowers: number): number[] {
    const knowers = this.#knowers
    knowers.settle()
    const unknown = { has: (piece: number): boolean => !known.has(piece) }
    const found: number[] = []
    let scans = MAX_SCAN
    for (let bucket = 0; bucket <= mostKnowers && scans > 0 && knowers.reaches(bucket); bucket++) {
      const size = knowers.sizeOf(bucket)
      if (size === 0) continue
      const from = this.#random.int(size)
      scans -= knowers.scan(bucket, unknown, { from, looks: Math.min(size, scans), most: 1 }, found)
      if (found.length > 0) break
    }
    return found
  }

  #show(guest: Guest, piece: number): void {
    guest.offers!.add(piece)
    guest.told?.set(piece)
    this.#learn(guest, piece)
  }

  #learn(guest: Guest, piece: number): void {
    if (guest.known.set(piece)) this.#knowers.onHave(piece)
  }
}

/** What a guest was not told of yet, and is now. */
function untold(guest: Guest): number[] {
  const { told } = guest
  const rest: number[] = []
  for (let piece = 0; told !== undefined && piece < told.length; piece++)
    if (!told.has(piece)) rest.push(piece)
  guest.told = undefined
  return rest
}
