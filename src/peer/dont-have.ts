/** The word for a piece that is had no more, which BEP 3 lacks (BEP 54). We say it, and do not need to hear it. */
import type { PeerConnection } from './connection.ts'

const NAME = 'lt_donthave'

/** @returns false when the peer does not know the word */
export function sendDontHaves(
  peer: Pick<PeerConnection, 'speaks' | 'sendExtended'>,
  pieces: readonly number[],
): boolean {
  if (!peer.speaks(NAME)) return false
  for (const piece of pieces) {
    const payload = new Uint8Array(4)
    new DataView(payload.buffer).setUint32(0, piece)
    peer.sendExtended(NAME, payload)
  }
  return true
}
