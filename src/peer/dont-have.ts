/** `lt_donthave` (BEP 54): says that we no longer have a piece, for which BEP 3 has no message. We only send it. */
import type { PeerConnection } from './connection.ts'
import type { RemotePeer } from './remote-peer.ts'

const NAME = 'lt_donthave'

/** @returns false when the peer does not speak the extension */
export function sendDontHaves(
  peer: Pick<PeerConnection, 'sendExtended'> & { readonly remote: Pick<RemotePeer, 'speaks'> },
  pieces: readonly number[],
): boolean {
  if (!peer.remote.speaks(NAME)) return false
  for (const piece of pieces) {
    const payload = new Uint8Array(4)
    new DataView(payload.buffer).setUint32(0, piece)
    peer.sendExtended(NAME, payload)
  }
  return true
}
