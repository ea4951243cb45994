/**
 * How many contacts the routing table holds where, and which of them displace which.
 *
 * The first buckets cover most of the network, so that more contacts there save a step of every lookup: 128 contacts
 * in the half of the ids that differ from ours in the first bit know it seven bits deep. A bucket's contacts should
 * lie evenly, so each is divided into as many slots as it has places. In a full bucket a newcomer whose slot is empty
 * displaces the slowest of the slot with most members; in a wide one, where there are many to choose from, one that
 * is clearly faster displaces the slowest of its own slot.
 */
import type { Millis } from '../protocol/ports.ts'
import { K } from './k-bucket.ts'

const WIDE: readonly number[] = [128, 64, 32, 16]

/** A newcomer takes a place when its round trip is less than this share of the member's: noise displaces nobody. */
const FASTER = 0.8

/** Contacts in the bucket at `depth` shared bits. */
export function wideCapacityAt(depth: number): number {
  return WIDE[depth] ?? K
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

/** @returns the index in `members`, a full bucket, of the one that makes place for `newcomer`; or -1 */
export function displacedBy(newcomer: Slotted, members: readonly Slotted[]): number {
  const inSlot: number[] = []
  let most = 0
  for (const { slot } of members) {
    inSlot[slot] = (inSlot[slot] ?? 0) + 1
    most = Math.max(most, inSlot[slot])
  }
  if (inSlot[newcomer.slot] === undefined) return slowest(members, ({ slot }) => inSlot[slot] === most)
  if (members.length <= K) return -1
  const rival = slowest(members, ({ slot }) => slot === newcomer.slot)
  return newcomer.rttMs < FASTER * members[rival]!.rttMs ? rival : -1
}

function slowest(members: readonly Slotted[], isEligible: (member: Slotted) => boolean): number {
  let found = -1
  for (let at = 0; at < members.length; at++)
    if (isEligible(members[at]!) && (found < 0 || members[at]!.rttMs > members[found]!.rttMs)) found = at
  return found
}
