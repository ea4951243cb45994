/** Whom a walk begins with: a near one saves steps, a fast one makes the first of them short. */
import type { Millis } from '../../protocol/ports.ts'
import type { LookupEntry } from './lookup-entry.ts'

/**
 * What it is worth to begin one bit nearer to the target, in usual round trips. A step leads four bits nearer, as who is asked
 * has sixteen contacts where the target lies, and takes a round trip.
 */
const ROUND_TRIPS_PER_BIT = 1 / 4

/**
 * @param known those a walk has to begin with, those that count before the others
 * @param usualMs as {@link usualRoundTrip} of them
 * @returns who of them is likely to lead to the target soonest; the nearest where no round trip was measured
 */
export function soonestOf(known: readonly LookupEntry[], usualMs: Millis): LookupEntry | undefined {
  const bitMs = ROUND_TRIPS_PER_BIT * usualMs
  let soonest: LookupEntry | undefined
  let least: Millis = Number.POSITIVE_INFINITY
  for (const entry of known) {
    if (entry.state !== 'heard') continue
    if (soonest?.counts && !entry.counts) break
    const cost = entry.rttMs + bitMs * Math.log2(entry.distance)
    if (soonest !== undefined && !(cost < least)) continue
    soonest = entry
    least = cost
  }
  return soonest
}

/** The median of those that were measured: a single slow one changes nothing. */
export function usualRoundTrip(known: readonly LookupEntry[]): Millis {
  const measured = known.map(({ rttMs }) => rttMs).filter((rttMs) => Number.isFinite(rttMs))
  return measured.toSorted((a, b) => a - b)[measured.length >>> 1] ?? 0
}
