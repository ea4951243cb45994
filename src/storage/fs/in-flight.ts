/** Asks the file system about many files at once: one after the other, each answer costs a round trip of threads. */

/** Calls that one question about many files has under way at once: Node's pool has four threads, and each finds its next call waiting. */
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
