/**
 * How many contacts each bucket holds, and which of them displace which.
 *
 * The first buckets cover most of the network, so that more contacts there save a step of every lookup: 128 contacts
 * in the half of the ids that differ from ours in the first bit know it seven bits deep. Twice {@link K} in the others
 * lets a node name most of the true nearest of a target that is not too near to itself. Contacts should be spread evenly over a
 * bucket, so each is divided into as many slots as it has places. In a full bucket a newcomer whose slot is empty
 * displaces the slowest of the slot with most members; in one wider than these, with many to choose from, one that
 * is clearly faster displaces the slowest of its own slot.
 */
import type { Millis } from '../../protocol/ports.ts'
import { K } from './bucket-memory.ts'

/** Places in the first buckets, and in all others. */
const WIDE: readonly number[] = [128, 64, 32]
const PLACES = 2 * K

/** A newcomer takes a place if its round trip is less than this share of the member's, so that noise displaces nobody. */
const FASTER = 0.9

/** Contacts in the bucket at `depth` shared bits. */
export function wideCapacityAt(depth: number): number {
  return WIDE[depth] ?? PLACES
}

/** Bits that tell the slots of a bucket with so many places apart. */
export function slotBits(capacity: number): number {
  return 31 - Math.clz32(capacity)
}

export interface Slotted {
  readonly slot: number
  /** Infinite when it was never measured. */
  readonly rttMs: Millis
}

/** A full bucket, as it matters here. */
export interface SlottedBucket {
  /** A power of two, up to {@link MAX_PLACES}; slots are below it. */
  readonly size: number
  slotAt(index: number): number
  /** Infinite when it was never measured. */
  rttAt(index: number): Millis
}

/** No bucket has more places. */
const MAX_PLACES = 1_024

/** Shared by all buckets, since one is examined at a time: the slot of each member, and the members of each slot. */
const slots = new Uint16Array(MAX_PLACES)
const inSlot = new Uint16Array(MAX_PLACES)

/** @returns the index of the member that makes room for `newcomer`; or -1 */
export function displacedBy(newcomer: Slotted, bucket: SlottedBucket): number {
  const { size } = bucket
  inSlot.fill(0, 0, size)
  let most = 0
  for (let at = 0; at < size; at++) {
    const slot = bucket.slotAt(at)
    slots[at] = slot
    most = Math.max(most, ++inSlot[slot]!)
  }
  if (inSlot[newcomer.slot] === 0) return slowest(bucket, (slot) => inSlot[slot] === most)
  if (size <= PLACES) return -1
  const rival = slowest(bucket, (slot) => slot === newcomer.slot)
  return newcomer.rttMs < FASTER * bucket.rttAt(rival) ? rival : -1
}

function slowest(bucket: SlottedBucket, isEligible: (slot: number) => boolean): number {
  let found = -1
  for (let at = 0; at < bucket.size; at++)
    if (isEligible(slots[at]!) && (found < 0 || bucket.rttAt(at) > bucket.rttAt(found))) found = at
  return found
}
