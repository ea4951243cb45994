/** The peers of one torrent that are connected, and how much all that ever were have moved. */
import type { PeerConnection } from '../peer/connection.ts'
import { bytesEqual, type PeerId } from '../protocol/ids.ts'
import type { Millis } from '../protocol/ports.ts'

export class ConnectedPeers implements Iterable<PeerConnection> {
  readonly #byId = new Map<number, PeerConnection>()
  /** Payload bytes of those that have left. */
  #downloadedBefore = 0
  #uploadedBefore = 0

  get size(): number {
    return this.#byId.size
  }

  add(peer: PeerConnection): void {
    this.#byId.set(peer.id, peer)
  }

  remove(peer: PeerConnection): void {
    this.#byId.delete(peer.id)
    this.#downloadedBefore += peer.downlink.received.total
    this.#uploadedBefore += peer.uplink.sent.total
  }

  get(id: number): PeerConnection | undefined {
    return this.#byId.get(id)
  }

  /** The connection to whoever has this peer id. */
  withPeerId(peerId: PeerId): PeerConnection | undefined {
    for (const peer of this) if (bytesEqual(peer.remote.peerId, peerId)) return peer
    return undefined
  }

  /** In the order in which they came. */
  [Symbol.iterator](): Iterator<PeerConnection> {
    return this.#byId.values()
  }

  /** Payload bytes since the start. */
  get downloaded(): number {
    return this.#downloadedBefore + this.#sum((peer) => peer.downlink.received.total)
  }

  get uploaded(): number {
    return this.#uploadedBefore + this.#sum((peer) => peer.uplink.sent.total)
  }

  /** Bytes per second. */
  downRate(now: Millis): number {
    return this.#sum((peer) => peer.downlink.received.rate(now))
  }

  upRate(now: Millis): number {
    return this.#sum((peer) => peer.uplink.sent.rate(now))
  }

  #sum(value: (peer: PeerConnection) => number): number {
    let sum = 0
    for (const peer of this) sum += value(peer)
    return sum
  }
}
