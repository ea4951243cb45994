import { opensslAead } from '../../../src/app/node/aead.ts'
import { opensslHashes } from '../../../src/app/node/hashes.ts'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { Framer, FRAME_OVERHEAD, MAX_SKEW, type Opened } from '../../../src/dht/frames/framer.ts'
import { KeyRing } from '../../../src/dht/frames/key-ring.ts'
import { NetworkClock } from '../../../src/dht/frames/network-clock.ts'
import type { FrameMode } from '../../../src/dht/frames/swarm-key.ts'
import { DROP_REASONS, type DropReason } from '../../../src/dht/wire/drops.ts'
import { MAX_SENT_BYTES } from '../../../src/dht/wire/messages.ts'
import { toHex, type NodeId } from '../../../src/protocol/ids.ts'
import type { Clock } from '../../../src/protocol/ports.ts'
import { claim, claimSame } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'

/**
 * What is done to a frame on its way: which mode and key, how late it is, and where a byte is changed by how much.
 * Behind it stands the message, or a whole frame.
 */
const HEAD_BYTES = 6
const OWN = new Uint8Array(20).fill(1) as NodeId
const OTHER = new Uint8Array(20).fill(2) as NodeId

const ring = (...secrets: readonly [mode: FrameMode, byte: number][]): KeyRing =>
  new KeyRing(
    secrets.map(([mode, byte]) => ({ mode, secret: new Uint8Array(32).fill(byte) })),
    { hashes: opensslHashes, aead: opensslAead },
  )

const OURS = ring(['hmac', 1], ['aead', 2])
const SENDERS = { hmac: ring(['hmac', 1]), aead: ring(['aead', 2]), stranger: ring(['hmac', 9]) } as const

export const target: FuzzTarget = {
  sources: [
    'dht/frames/framer.ts',
    'dht/frames/hmac.ts',
    'dht/frames/replay-guard.ts',
    'dht/frames/network-clock.ts',
  ],
  maxLength: 1_500,

  seeds: () => {
    const message = '{"v":1,"type":"ping","t":"abcd","id":"0101010101010101010101010101010101010101"}'
    const heads = [
      [0, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
      [2, 0, 0, 0, 0, 0],
      [0, 1, 0, 0, 0, 0],
      [1, 2, 0, 0, 0, 0],
      [0, 0, 200, 0, 0, 0],
      [0, 0, 0, 0, 30, 1],
      [1, 0, 0, 0, 4, 255],
    ]
    const frames = ['hmac', 'aead'].map((mode) => {
      const clock = new SimClock()
      const { frame } = sealed(mode as FrameMode, { clock, message: latin1(message), to: OWN })
      return Buffer.concat([Uint8Array.of(3, 0, 0, 0, 0, 0), frame])
    })
    return [...heads.map((head) => Buffer.concat([Uint8Array.from(head), latin1(message)])), ...frames]
  },

  run(data) {
    const [how = 0, whom = 0, late = 0, high = 0, low = 0, change = 0] = data
    const rest = data.slice(HEAD_BYTES)
    const clock = new SimClock()
    const receiver = framer(OURS, clock, 1)
    receiver.ownId = OWN
    if (how > 2) return claimReason(receiver.open(rest.slice(0, MAX_SENT_BYTES)))

    const message = rest.slice(0, MAX_SENT_BYTES - FRAME_OVERHEAD)
    if (message.length === 0) return
    const mode = how % 2 === 0 ? 'hmac' : 'aead'
    const to = [OWN, OTHER, undefined][whom % 3]
    const { frame, isOurs } = sealed(mode, { clock, message, to, isStranger: how === 2 })
    const at = ((high << 8) | low) % frame.length
    frame[at] = frame[at]! ^ change
    clock.runUntil(1_000 * late)

    const opened = receiver.open(frame)
    claimReason(opened)
    const isUnchanged = change === 0 && isOurs && to !== OTHER
    claim((typeof opened !== 'string') === isUnchanged, 'only what is unchanged and for us is opened')
    if (typeof opened === 'string') return
    claimSame(toHex(opened.body), toHex(message), 'what was sealed')
    claim(opened.isFirstContact === (to === undefined), 'whether it was for us by name')
    claim(opened.isTimely === 1_000 * late <= MAX_SKEW, 'whether it is of our time')
    if (opened.isTimely) claim(receiver.open(frame) === 'replay', 'it counts once')
  },
}

interface Sealing {
  readonly clock: Clock
  readonly message: Uint8Array
  readonly to: NodeId | undefined
  readonly isStranger?: boolean
}

function sealed(
  mode: FrameMode,
  { clock, message, to, isStranger = false }: Sealing,
): { frame: Uint8Array; isOurs: boolean } {
  const sender = framer(SENDERS[isStranger ? 'stranger' : mode], clock, 2)
  return { frame: sender.seal(message, to).slice(), isOurs: !isStranger }
}

function framer(keys: KeyRing, clock: Clock, seed: number): Framer {
  return new Framer({ keys, clock, random: new SeededRandom(seed), time: new NetworkClock(clock) })
}

function claimReason(opened: Opened | DropReason): void {
  claim(typeof opened !== 'string' || Object.hasOwn(DROP_REASONS, opened), 'a reason that is documented')
}
