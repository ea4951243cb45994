/** Whether the other side of a connection is still there: it speaks now and then, and reads what it is sent. */
import type { Millis } from '../protocol/ports.ts'

/** A remote that sends nothing for this long is gone (BEP 3 asks for a keep-alive every two minutes). */
export const IDLE_TIMEOUT_MS: Millis = 180_000
/**
 * So is one that says nothing at all for this long while we wait for blocks from it: BEP 3 gives it a minute. Who moves to another
 * network, or whose connection a router has forgotten, does not hang up.
 */
export const WAITING_TIMEOUT_MS: Millis = 60_000
/** So is one that reads nothing of what waits for it for this long: it would hold our memory. */
export const UNREAD_TIMEOUT_MS: Millis = 120_000
/** We say something at least this often, within the two minutes of BEP 3. */
export const KEEP_ALIVE_MS: Millis = 100_000
/** We say something this often to a remote that may wait for blocks from us, although it is others' turn to be served. */
export const SERVING_KEEP_ALIVE_MS: Millis = 20_000

/** Who waits for blocks of the other. */
export interface Waiting {
  /** We have requested some, and they have not come. */
  readonly areWe: boolean
  /** We let the remote download, and it wants to. */
  readonly isRemote: boolean
}

export const NOBODY_WAITS: Waiting = { areWe: false, isRemote: false }

export class Liveness {
  #receivedAt: Millis
  #sentAt: Millis
  #sentBytes = 0
  /** How much of {@link #sentBytes} had left this process when we last looked, and when that last grew. */
  #takenBytes = 0
  #takenAt: Millis
  /** Since when we have waited for blocks; when we last looked, if we did not. */
  #waitingFrom: Millis

  constructor(now: Millis) {
    this.#receivedAt = this.#sentAt = this.#takenAt = this.#waitingFrom = now
  }

  /** For how long nothing has come. */
  silence(now: Millis): Millis {
    return now - this.#receivedAt
  }

  onReceived(now: Millis): void {
    this.#receivedAt = now
  }

  onSent(bytes: number, now: Millis): void {
    this.#sentBytes += bytes
    this.#sentAt = now
  }

  isKeepAliveDue({ isRemote }: Waiting, now: Millis): boolean {
    return now - this.#sentAt > (isRemote ? SERVING_KEEP_ALIVE_MS : KEEP_ALIVE_MS)
  }

  /**
   * To be asked every few seconds.
   *
   * @param queuedBytes that wait in this process for the network
   * @returns why the remote counts as gone; undefined while it does not
   */
  faultOf(queuedBytes: number, { areWe }: Waiting, now: Millis): string | undefined {
    if (!areWe) this.#waitingFrom = now
    const takenBytes = this.#sentBytes - queuedBytes
    if (queuedBytes === 0 || takenBytes > this.#takenBytes) this.#takenAt = now
    this.#takenBytes = takenBytes
    const silence = this.silence(now)
    if (silence > IDLE_TIMEOUT_MS) return 'idle'
    if (Math.min(silence, now - this.#waitingFrom) > WAITING_TIMEOUT_MS)
      return 'silent while we wait for blocks'
    return now - this.#takenAt > UNREAD_TIMEOUT_MS ? 'it does not read' : undefined
  }
}
