/** How far a walk is: whether it goes on, is over, or cannot go on with those it knows. */
import { K } from '../table/bucket-memory.ts'
import { isTrusted, type LookupEntry } from './lookup-entry.ts'

/** Of the nearest, those whose answers end a fast walk while the others are late. */
export const QUORUM = K / 2

export type Stage =
  /** Somebody is asked, or can be. */
  | 'open'
  /** The nearest are settled. */
  | 'complete'
  /** There is nobody left to ask, but somebody who may still answer. */
  | 'late'
  /** Nor anybody who may. */
  | 'exhausted'

export interface WalkTraits {
  /** Whether it wants the answers of all of the nearest, where other walks do not wait for late ones. */
  readonly isPatient: boolean
  /** Whether it may ask no further. */
  readonly isSpent: boolean
}

/** @param entries of its list, nearest first */
export function stageOf(entries: readonly LookupEntry[], { isPatient, isSpent }: WalkTraits): Stage {
  let settled = 0
  let answered = 0
  let isLateOneLeft = false
  for (const entry of entries) {
    if (entry.state === 'answered') answered++
    if (isSettled(entry, isPatient)) settled++
    if (settled >= K && answered >= QUORUM) return 'complete'
    if (entry.state === 'waiting') return 'open'
    if (entry.state === 'heard' && !isSpent && isTrusted(entry)) return 'open'
    if (entry.state === 'late') isLateOneLeft = true
  }
  return isLateOneLeft ? 'late' : 'exhausted'
}

export function isSettled({ state }: LookupEntry, isPatient: boolean): boolean {
  return state === 'answered' || (state === 'late' && !isPatient)
}
