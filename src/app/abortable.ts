/** Bridges callbacks that can be cancelled and promises that an AbortSignal ends. */
import type { Cancel } from '../protocol/ports.ts'

/**
 * Waits for `done`; rejects with its error, or with the signal's reason after cancelling.
 *
 * @param start begins the work and returns its cancel; `done` comes in a later turn
 */
export function abortable(
  signal: AbortSignal | undefined,
  start: (done: (error?: Error) => void) => Cancel,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const cancel = start((error) => {
      signal?.removeEventListener('abort', onAbort)
      if (error === undefined) resolve()
      else reject(error)
    })
    const onAbort = (): void => {
      cancel()
      reject(signal!.reason as Error)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
