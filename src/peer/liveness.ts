/** Whether the other side of a connection is still there: it speaks now and then, and reads what it is sent. */
import type { Millis } from '../protocol/ports.ts'

/** A remote that sends nothing for this long is gone (BEP 3 asks for a keep-alive every two minutes). */
export const IDLE_TIMEOUT_MS: Millis = 180_000
/** So is one that reads nothing of what waits for it for this long: it would hold our memory. */
export const UNREAD_TIMEOUT_MS: Millis = 120_000
/** We say something at least this often, within the two minutes of BEP 3. */
export const KEEP_ALIVE_MS: Millis = 100_000

export class Liveness {
  #receivedAt: Millis
  #sentAt: Millis
  #sentBytes = 0
  /** How much of {@link #sentBytes} had left this process when we last looked, and when that last grew. */
  #takenBytes = 0
  #takenAt: Millis

  constructor(now: Millis) {
    this.#receivedAt = this.#sentAt = this.#takenAt = now
  }

  onReceived(now: Millis): void {
    this.#receivedAt = now
  }

  onSent(bytes: number, now: Millis): void {
    this.#sentBytes += bytes
    this.#sentAt = now
  }

  isKeepAliveDue(now: Millis): boolean {
    return now - this.#sentAt > KEEP_ALIVE_MS
  }

  /**
   * To be asked every few seconds.
   *
   * @param queuedBytes that wait in this process for the network
   * @returns why the remote counts as gone; undefined while it does not
   */
  faultOf(queuedBytes: number, now: Millis): string | undefined {
    const takenBytes = this.#sentBytes - queuedBytes
    if (queuedBytes === 0 || takenBytes > this.#takenBytes) this.#takenAt = now
    this.#takenBytes = takenBytes
    if (now - this.#receivedAt > IDLE_TIMEOUT_MS) return 'idle'
    return now - this.#takenAt > UNREAD_TIMEOUT_MS ? 'it does not read' : undefined
  }
}
