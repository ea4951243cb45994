/** Two connections between the same two peers: one of them has to go. */
import type { PeerId } from '../protocol/ids.ts'
import type { Millis } from '../protocol/ports.ts'
import type { Direction, RemotePeer } from './remote-peer.ts'

/** An older connection that has been silent for this long may be lost, without a word to us: whoever comes anew knows it. */
export const LOST_AFTER_MS: Millis = 30_000

/**
 * Whether a new connection replaces an older one to the same peer. Two that dial each other at the same time must drop the same
 * one of their two connections, without a word about it: the one stays that the side with the greater peer id opened. A
 * second one in the same direction is refused. Both give way to a new one if nothing comes through the older one.
 *
 * @param twin what is known from the older connection: its peer id is not ours
 * @param options.ours our own peer id
 * @param options.silence for how long nothing has come through the older one
 */
export function replacesTwin(
  direction: Direction,
  twin: Pick<RemotePeer, 'direction' | 'peerId'>,
  { ours, silence }: { readonly ours: PeerId; readonly silence: Millis },
): boolean {
  if (silence >= LOST_AFTER_MS) return true
  if (direction === twin.direction) return false
  const at = twin.peerId.findIndex((byte, i) => byte !== ours[i])
  const isOursGreater = ours[at]! > twin.peerId[at]!
  return isOursGreater === (direction === 'out')
}
