/** What each peer is told about us beyond BEP 3, and told again when it changes (BEP 10). */
import type { PeerConnection } from '../peer/connection.ts'
import { MAX_QUEUED_REQUESTS, MAX_REQUEST_LENGTH } from '../peer/upload-queue.ts'
import type { ExtensionFields } from '../protocol/extension.ts'

export interface IntroductionsOptions {
  readonly client: string
  /** The port that we accept connections on. */
  readonly listenPort: number | undefined
  /** We want nothing from this peer, and it may know that. */
  readonly isUploadOnlyTo: (peer: PeerConnection) => boolean
}

export class Introductions {
  readonly #options: IntroductionsOptions
  /** What each peer was told last. */
  readonly #said = new WeakMap<PeerConnection, ExtensionFields>()
  /** Bytes of the info dictionary, from when peers may ask us for it (BEP 9). */
  metadataSize: number | undefined
  /** UDP port of our DHT node, while peers may know of it. */
  dhtPort: number | undefined

  constructor(options: IntroductionsOptions) {
    this.#options = options
  }

  /** What the peer is about to be told. */
  fieldsFor(peer: PeerConnection): ExtensionFields {
    const fields = this.#fieldsNow(peer)
    this.#said.set(peer, fields)
    return fields
  }

  /** Updates peers that know less than they may. A key left out stays as it was (BEP 10), so nothing can be withdrawn. */
  renew(peers: Iterable<PeerConnection>): void {
    for (const peer of peers) {
      const said = this.#said.get(peer)
      if (said === undefined) continue
      const { metadataSize, isUploadOnly } = this.#fieldsNow(peer)
      if (metadataSize !== said.metadataSize || (isUploadOnly && !said.isUploadOnly)) peer.introduce()
    }
  }

  #fieldsNow(peer: PeerConnection): ExtensionFields {
    const { client, listenPort, isUploadOnlyTo } = this.#options
    return {
      client,
      port: listenPort,
      requestQueue: MAX_QUEUED_REQUESTS,
      longestBlock: MAX_REQUEST_LENGTH,
      metadataSize: this.metadataSize,
      dhtPort: this.dhtPort,
      isUploadOnly: isUploadOnlyTo(peer),
    }
  }
}
