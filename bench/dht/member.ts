/** The private network of this benchmark: every process that takes part can derive its key. */
import { opensslAead } from '../../src/app/node/aead.ts'
import { SystemClock } from '../../src/app/node/clock.ts'
import { opensslHashes } from '../../src/app/node/hashes.ts'
import { CryptoRandom } from '../../src/app/node/random.ts'
import { Framer } from '../../src/dht/frames/framer.ts'
import { KeyRing } from '../../src/dht/frames/key-ring.ts'
import { NetworkClock } from '../../src/dht/frames/network-clock.ts'
import { SWARM_KEY_BYTES, type FrameMode } from '../../src/dht/frames/swarm-key.ts'
import type { DatagramLimits } from '../../src/dht/wire/datagram-port.ts'
import type { NodeId } from '../../src/protocol/ids.ts'
import type { Random } from '../../src/protocol/ports.ts'

/** How the network keeps strangers out: not at all, by signatures, or by encryption. */
export const PSKS = ['off', 'hmac', 'aead'] as const
export type Psk = (typeof PSKS)[number]

const UNLIMITED_RATE = { perSecond: 1e9, burst: 1e9 }
/** Rates that are never reached, so that the work is measured and not the limit. */
export const UNLIMITED: DatagramLimits = {
  source: { lan: UNLIMITED_RATE, wan: UNLIMITED_RATE },
  node: { lan: UNLIMITED_RATE, wan: UNLIMITED_RATE },
  work: UNLIMITED_RATE,
}

export interface Frames {
  readonly keys: KeyRing
  readonly random: Random
}

/** The frames of a node's port in such a network; undefined in an open one. */
export function framesOf(psk: Psk): Frames | undefined {
  return psk === 'off' ? undefined : frames(psk)
}

/** The framer of the member `ownId`; undefined in an open network. */
export function framerOf(psk: Psk, ownId: NodeId): Framer | undefined {
  if (psk === 'off') return undefined
  const clock = new SystemClock()
  const framer = new Framer({ ...frames(psk), clock, time: new NetworkClock(clock) })
  framer.ownId = ownId
  return framer
}

function frames(mode: FrameMode): Frames {
  const secret = new Uint8Array(SWARM_KEY_BYTES).fill(0x5c)
  const keys = new KeyRing([{ secret, mode }], { hashes: opensslHashes, aead: opensslAead })
  return { keys, random: new CryptoRandom() }
}
