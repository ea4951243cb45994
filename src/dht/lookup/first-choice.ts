/** Chooses whom a walk asks first: a near node saves steps, a fast one makes the first step short. */
import type { Millis } from '../../protocol/ports.ts'
import type { LookupEntry } from './lookup-entry.ts'

/**
 * The worth of starting one bit nearer to the target, in usual round trips. A step takes a round trip and leads four bits
 * nearer, because the node asked has sixteen contacts around the target.
 */
const ROUND_TRIPS_PER_BIT = 1 / 4

/**
 * @param known the nodes that a walk can start with, those that count before the others
 * @param usualMs as {@link usualRoundTrip} of them
 * @returns the one that is likely to lead to the target soonest; the nearest if no round trip was measured
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
