/** Two connections between the same two peers: one of them has to go. */
import type { PeerId } from '../protocol/ids.ts'
import type { Direction, RemotePeer } from './remote-peer.ts'

/**
 * Whether a new connection replaces an older one to the same peer. Two that dial each other at the same time must drop the same
 * one of their two connections, without a word about it: the one stays that the side with the greater peer id opened. A
 * second one in the same direction is refused.
 *
 * @param twin what is known from the older connection: its peer id is not ours
 */
export function replacesTwin(
  direction: Direction,
  twin: Pick<RemotePeer, 'direction' | 'peerId'>,
  ours: PeerId,
): boolean {
  if (direction === twin.direction) return false
  const at = twin.peerId.findIndex((byte, i) => byte !== ours[i])
  const isOursGreater = ours[at]! > twin.peerId[at]!
  return isOursGreater === (direction === 'out')
}
