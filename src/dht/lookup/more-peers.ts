/**
 * Asks a node once more that has more peers than fitted, with its token: that proves our address, so that the answer may fill a
 * datagram, with another random choice of peers.
 */
import type { InfoHash } from '../../protocol/ids.ts'
import type { Reply } from '../wire/messages.ts'
import type { Call, CallHandler, Callee, Rpc } from './rpc.ts'

/** A walk that has found so many peers asks for no more: one answer holds no more either. */
const ENOUGH_PEERS = 100

export interface MorePeersOptions {
  readonly rpc: Rpc
  readonly infoHash: InfoHash
  /** Another one has answered, or is late: then it is no longer waited for, but may still answer. */
  readonly onSettled: (callee: Callee, reply: Reply | undefined) => void
}

export class MorePeers implements CallHandler {
  readonly #options: MorePeersOptions
  readonly #waiting = new Set<Call>()

  constructor(options: MorePeersOptions) {
    this.#options = options
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** @param found how many peers there are already @returns whether it was asked */
  ask(callee: Callee, token: string, found: number): boolean {
    const { rpc, infoHash } = this.#options
    if (found >= ENOUGH_PEERS) return false
    const call = rpc.call({ type: 'findPeers', infoHash, token }, callee, this)
    if (call !== undefined) this.#waiting.add(call)
    return call !== undefined
  }

  onReply(call: Call, reply: Reply): void {
    this.#settle(call, reply)
  }

  onSoftTimeout(call: Call): void {
    this.#settle(call, undefined)
  }

  onFail(call: Call): void {
    this.#settle(call, undefined)
  }

  #settle(call: Call, reply: Reply | undefined): void {
    this.#waiting.delete(call)
    this.#options.onSettled(call.callee, reply)
  }
}
