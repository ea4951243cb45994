/** Fails work that takes too long. */
import { setTimeout as delay } from 'node:timers/promises'

/** @throws when the work takes longer, which goes on */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const stop = new AbortController()
  const late = delay(milliseconds, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`not complete within ${milliseconds / 1_000} s`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    stop.abort()
    work.catch(() => {})
  }
}
