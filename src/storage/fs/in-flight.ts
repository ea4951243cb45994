/** Queries the file system about many files at once: one after the other, each answer would cost a round trip between threads. */

/** Calls under way at once for one such query: more than Node's pool has threads, so that each finds its next call waiting. */
export const CALLS_IN_FLIGHT = 16

/** Calls `visit` for `0 … count - 1`. Rejects with the first failure, once nothing is under way any more. */
export async function forEachInFlight(count: number, visit: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const walk = async (): Promise<void> => {
    try {
      while (next < count) await visit(next++)
    } finally {
      next = count // One failure ends it for all.
    }
  }
  const walks = Array.from({ length: Math.min(CALLS_IN_FLIGHT, count) }, walk)
  await Promise.allSettled(walks)
  await Promise.all(walks)
}
