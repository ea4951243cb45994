/** Peers that lied, whether they are still there or gone: banned with the evidence. */
import { MAX_NAMED_BLOCKS, type Conviction } from '../peer/block-evidence.ts'
import type { PeerConnection } from '../peer/connection.ts'
import type { PeerEvent } from '../peer/events.ts'
import type { Emit } from '../protocol/ports.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Connector, Offender } from './connector.ts'

/** Peers that left and may still turn out to have lied: pieces that are not complete yet may contain their blocks. */
export const MAX_DEPARTED = 1_000

/** Pieces, and if it is a single one, which of its blocks. */
export type Evidence = Pick<Extract<PeerEvent, { event: 'peer_banned' }>, 'pieces' | 'blocks'>

export interface CulpritsOptions {
  readonly connector: Connector
  readonly peers: ConnectedPeers
  readonly emit: Emit<PeerEvent>
  /** This one comes from where a liar came from. */
  readonly onSuspect: (peer: PeerConnection) => void
}

export class Culprits {
  readonly #options: CulpritsOptions
  readonly #departed = new Map<number, Offender>()

  constructor(options: CulpritsOptions) {
    this.#options = options
  }

  /** A peer has left. */
  remember({ id, remote, downlink }: PeerConnection): void {
    if (downlink.received.total === 0) return
    const { address, endpoint, listenEndpoint } = remote
    this.#departed.set(id, { address, endpoint, listenEndpoint })
    if (this.#departed.size > MAX_DEPARTED) this.#departed.delete(this.#departed.keys().next().value!)
  }

  /** A source sent something other than the payload. */
  convict({ id, piece, blocks }: Conviction): void {
    const offender = this.#options.peers.get(id)?.remote ?? this.#departed.get(id)
    // Once is enough, however many pieces and connections show it.
    if (offender === undefined || this.#options.connector.isBanned(offender)) return
    if (blocks === undefined)
      this.ban(offender, 'it alone sent a piece that does not have its hash', { pieces: [piece] })
    else
      this.ban(offender, 'it sent blocks that are not those of the piece', {
        pieces: [piece],
        blocks: blocks.slice(0, MAX_NAMED_BLOCKS),
      })
  }

  ban(offender: Offender, reason: string, evidence: Evidence): void {
    const { connector, peers, emit, onSuspect } = this.#options
    connector.ban(offender)
    emit({ event: 'peer_banned', peer: offender.address, reason, ...evidence })
    for (const peer of [...peers]) {
      if (connector.isBanned(peer.remote)) peer.close('banned')
      else if (connector.isSuspect(peer.remote.endpoint.host)) onSuspect(peer)
    }
  }
}
