/** Which pieces a seeder shows to which peer, so that it sends each piece once and the peers pass it on (BEP 16). */
import { Bitfield } from '../protocol/bitfield.ts'
import type { Millis, Random } from '../protocol/ports.ts'
import { Availability } from './availability.ts'

/** Pieces shown to one peer that it has not requested yet, or under a limit not been sent. */
export const MAX_AHEAD = 1_024
/** A peer that may download but requests nothing of what it is shown for so long wants other pieces: it is shown everything. */
export const PATIENCE: Millis = 5_000
/** Pieces that are searched for the next one to show. */
const MAX_SCAN = 4_096

export interface SuperSeedingOptions {
  readonly pieceCount: number
  readonly random: Random
}

interface Guest {
  /** Pieces that it has, was shown, or has requested. */
  readonly known: Bitfield
  /** Pieces that it was told we have. Undefined when it was told of all. */
  told: Bitfield | undefined
  /** Pieces that it was shown, and has neither requested nor got since. Undefined when it was shown everything. */
  offers: Set<number> | undefined
  /** How many offers it is to have at once. */
  ahead: number
  /** It has requested something since {@link ahead} was last doubled. */
  hasAsked: boolean
  /** When it last requested something, or last had no chance to. */
  tookAt: Millis
  /** Pieces that we sent to it, and that nobody else has yet. */
  unspreadCount: number
}

/**
 * Left to themselves, leechers request the same pieces from the seeder, which sends them several times while the uplinks of those
 * that have them idle. So each leecher is shown different pieces, those that the fewest know of first, and always some more than it has
 * requested. Unlike in BEP 16, none has to prove that it has passed a piece on before it is shown the next one: that would let the
 * seeder's uplink idle.
 *
 * A piece is *fresh* while no leecher knows of it. Once none is, there is nothing to hide: newcomers are shown everything.
 */
export class SuperSeeding {
  readonly #guests = new Map<number, Guest>()
  /** Pieces that we sent to one guest, and that nobody else has yet. */
  readonly #unspread = new Map<number, Guest>()
  /** Pieces by how many guests know of them. */
  readonly #knowers: Availability
  readonly #pieceCount: number
  readonly #random: Random

  constructor({ pieceCount, random }: SuperSeedingOptions) {
    this.#knowers = new Availability(Bitfield.full(pieceCount))
    this.#pieceCount = pieceCount
    this.#random = random
  }

  /** Whether some piece is known to no guest. */
  get hasFresh(): boolean {
    const knowers = this.#knowers
    knowers.settle()
    return knowers.firstBucket === 0
  }

  /**
   * @param isShownAll it knows all our pieces, or is about to be told of them
   * @param ahead pieces that it is to be shown before it has requested any; at least one
   */
  add(id: number, isShownAll: boolean, now: Millis, ahead = 1): void {
    this.#guests.set(id, {
      known: new Bitfield(this.#pieceCount),
      told: isShownAll ? undefined : new Bitfield(this.#pieceCount),
      offers: isShownAll ? undefined : new Set(),
      ahead,
      hasAsked: false,
      tookAt: now,
      unspreadCount: 0,
    })
  }

  /** It left: pieces that only it knew of are fresh again. */
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

  /** It has requested a block of `piece`. @returns whether that was the last of its offers */
  onRequest(id: number, piece: number, now: Millis): boolean {
    const guest = this.#guests.get(id)!
    guest.tookAt = now
    guest.hasAsked = true
    this.#learn(guest, piece)
    return guest.offers?.delete(piece) === true && guest.offers.size === 0
  }

  /** It could take more than it is shown: twice as much from now on, provided that it has requested something since the last time. */
  showMore(id: number): void {
    const guest = this.#guests.get(id)!
    if (guest.hasAsked) guest.ahead = Math.min(2 * guest.ahead, MAX_AHEAD)
    guest.hasAsked = false
  }

  /** It cannot be blamed for requesting nothing: it may not download, or waits for what it has requested. */
  onExcused(id: number, now: Millis): void {
    this.#guests.get(id)!.tookAt = now
  }

  /**
   * Fresh pieces that it is to be shown now. Once it knows of every piece, also those that it has from elsewhere and was never told of:
   * only then does it see that we have everything, and two seeders do not hide pieces from each other for ever.
   *
   * @param groupSize pieces that are shown together; a group begins at a multiple of it
   * @param waiting pieces that it has requested and that count as offers all the same, because they were not sent yet
   */
  offer(id: number, groupSize: number, waiting = 0): number[] {
    const guest = this.#guests.get(id)!
    const { offers } = guest
    const shown: number[] = []
    // Only when half of the offers are used up: a few messages with many pieces cost less than many with one.
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
   * Nothing fresh is left to show it: a piece that others know of, too. Only one, the one that the fewest know of, because most of what
   * it lacks it will get from them.
   */
  repeat(id: number): number[] {
    const guest = this.#guests.get(id)!
    if (guest.offers?.size !== 0) return []
    const found = this.#leastKnown(guest, Infinity)
    for (const piece of found) this.#show(guest, piece)
    return found
  }

  /** Whether it was shown something that it has neither requested nor got since. */
  hasOffers(id: number): boolean {
    return (this.#guests.get(id)?.offers?.size ?? 0) > 0
  }

  /** Whether it does not know yet that we have everything. */
  isHiding(id: number): boolean {
    const guest = this.#guests.get(id)
    return guest?.offers !== undefined && !guest.known.isFull
  }

  /** Whether it has requested nothing for too long, and is to be shown everything. */
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
    // It may never request what it has not requested yet: so far as it is concerned, that is fresh again.
    const untaken = new Bitfield(known.length)
    for (const piece of offers) {
      known.clear(piece)
      untaken.set(piece)
    }
    this.#knowers.onSource(untaken, -1)
    return rest
  }

  /**
   * The lower, the sooner its request for `piece` is served. Pieces that no other guest knows of go first, and of their takers those that
   * have passed on most of what they got. The piece that is being sent does not count: nobody can pass on a part of it.
   */
  rankOf(id: number, piece: number): number {
    const guest = this.#guests.get(id)!
    if (this.#knowers.countOf(piece) !== 1) return Infinity
    return guest.unspreadCount - Number(this.#unspread.get(piece) === guest)
  }

  /** Pieces that we sent to it, and that nobody else has yet. */
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

  /** `guest` has the piece. If we had sent it only to another one, that one has passed it on. */
  #spread(guest: Guest, piece: number): void {
    const taker = this.#unspread.get(piece)
    if (taker === undefined || taker === guest) return
    this.#unspread.delete(piece)
    taker.unspreadCount--
  }

  /** Fresh pieces of one group; none when the guest knows of all fresh ones. */
  #freshGroup(guest: Guest, groupSize: number): number[] {
    const group: number[] = []
    const [found] = this.#leastKnown(guest, 0)
    if (found === undefined) return group
    const first = found - (found % groupSize)
    const end = Math.min(first + groupSize, this.#pieceCount)
    for (let piece = first; piece < end; piece++) if (this.#knowers.countOf(piece) === 0) group.push(piece)
    return group
  }

  /** Of the pieces that it does not know of, one that the fewest others know of; none when the search finds none within its bounds. */
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

/** Pieces that the guest was not told of yet. From now on it counts as told of all. */
function untold(guest: Guest): number[] {
  const { told } = guest
  const rest: number[] = []
  for (let piece = 0; told !== undefined && piece < told.length; piece++)
    if (!told.has(piece)) rest.push(piece)
  guest.told = undefined
  return rest
}
