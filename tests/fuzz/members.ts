/**
 * The members of a private network and those who would be: frames that are as they should be, that were changed on the
 * way, that come again, that carry another time, or that are under another key.
 */
import { opensslAead } from '../../src/app/node/aead.ts'
import { opensslHashes } from '../../src/app/node/hashes.ts'
import type { SimClock } from '../../src/app/sim/clock.ts'
import type { SeededRandom } from '../../src/app/sim/random.ts'
import { decodeMessage, encodeMessage } from '../../src/dht/wire/codec.ts'
import type { DropReason } from '../../src/dht/wire/drops.ts'
import { Framer, FRAME_OVERHEAD, MAX_SKEW } from '../../src/dht/frames/framer.ts'
import { KeyRing } from '../../src/dht/frames/key-ring.ts'
import { MAX_SENT_BYTES, type Message } from '../../src/dht/wire/messages.ts'
import { NetworkClock } from '../../src/dht/frames/network-clock.ts'
import type { FrameMode, SwarmKey } from '../../src/dht/frames/swarm-key.ts'
import type { NodeId } from '../../src/protocol/ids.ts'
import type { Clock, Millis } from '../../src/protocol/ports.ts'
import type { Mutator } from './engine/mutator.ts'

export interface Arrival {
  readonly data: Uint8Array
  /** Otherwise not a byte must be sent because of it. */
  readonly mayBeAnswered: boolean
}

export interface MembersOptions {
  readonly mode: FrameMode
  readonly clock: SimClock
  readonly random: SeededRandom
  readonly mutator: Mutator
}

/** How far the clocks of members are off, of two each; the last ones are not heard. */
const CLOCK_ERRORS: readonly Millis[] = [0, -60_000, 60_000, -10 * 60_000]
/** Frames that may come again. */
const MAX_KEPT = 256

const key = (byte: number, mode: FrameMode): SwarmKey => ({ secret: new Uint8Array(32).fill(byte), mode })
const ring = (...keys: readonly SwarmKey[]): KeyRing =>
  new KeyRing(keys, { hashes: opensslHashes, aead: opensslAead })

export class Members {
  /** Those of the node. */
  readonly keys: KeyRing
  readonly #clock: SimClock
  readonly #random: SeededRandom
  readonly #mutator: Mutator
  readonly #framers: readonly Framer[]
  readonly #stranger: Framer
  /** Reads what the node sends. */
  readonly #ear: Framer
  readonly #kept: { readonly data: Uint8Array; readonly at: Millis }[] = []

  constructor({ mode, clock, random, mutator }: MembersOptions) {
    const [first, second] = [key(1, mode), key(2, mode === 'hmac' ? 'aead' : 'hmac')]
    this.keys = ring(first, second)
    this.#clock = clock
    this.#random = random
    this.#mutator = mutator
    const framer = (keys: KeyRing, error: Millis): Framer => {
      const own: Clock = {
        now: () => clock.now(),
        wallNow: () => clock.wallNow() + error,
        after: (delay, fn) => clock.after(delay, fn),
      }
      return new Framer({ keys, clock: own, random, time: new NetworkClock(own) })
    }
    // Each key has members that send under it.
    this.#framers = CLOCK_ERRORS.flatMap((error) => [
      framer(ring(first), error),
      framer(ring(second, first), error),
    ])
    this.#stranger = framer(ring(key(3, mode)), 0)
    this.#ear = framer(ring(first), 0)
  }

  /** One frame of each member: whom a node has heard of is not refused for the many who are invented. */
  greetings(to: NodeId): Arrival[] {
    const hello = new TextEncoder().encode(encodeMessage({ type: 'ping', t: 'abcd', id: to }))
    return this.#framers.map((member) => ({ data: member.seal(hello, to).slice(), mayBeAnswered: true }))
  }

  /** What becomes of a message on the way to the node `to`. */
  frame(message: Uint8Array, to: NodeId): Arrival {
    switch (this.#random.int(8)) {
      case 0:
        return { data: message, mayBeAnswered: false }
      case 1:
        return { data: this.#seal(this.#stranger, message, to), mayBeAnswered: false }
      case 2:
      case 3:
        return this.#again()
      case 4: {
        const data = this.#seal(this.#member(), message, to)
        const spoiled = this.#mutator.spoil(data, message)
        return { data: spoiled, mayBeAnswered: Buffer.compare(spoiled, data) === 0 }
      }
      default: {
        const member = this.#member()
        const data = this.#seal(member, message, this.#random.int(8) === 0 ? undefined : to)
        // Those whose clock is off are told so however often they send the same.
        if (!this.#isLate(member)) this.#keep(data)
        return { data, mayBeAnswered: true }
      }
    }
  }

  /** @param receiver whom the node sent it to */
  read(data: Uint8Array, receiver: NodeId | undefined): Message | DropReason {
    this.#ear.ownId = receiver ?? new Uint8Array(20)
    const opened = this.#ear.open(data)
    return typeof opened === 'string' ? opened : decodeMessage(opened.body)
  }

  #isLate(member: Framer): boolean {
    return Math.abs(CLOCK_ERRORS[this.#framers.indexOf(member) >> 1]!) > MAX_SKEW
  }

  #member(): Framer {
    return this.#framers[this.#random.int(this.#framers.length)]!
  }

  /** Whoever sends frames of an hour ago is told the time, as a member whose clock is off would be. */
  #again(): Arrival {
    const old = this.#kept[this.#random.int(this.#kept.length + 1)]
    if (old === undefined) return { data: new Uint8Array(100), mayBeAnswered: false }
    const isOld = this.#clock.now() - old.at > MAX_SKEW - Math.max(...CLOCK_ERRORS)
    return { data: old.data.slice(), mayBeAnswered: isOld }
  }

  #keep(data: Uint8Array): void {
    if (this.#kept.length === MAX_KEPT) this.#kept.splice(this.#random.int(MAX_KEPT), 1)
    this.#kept.push({ data, at: this.#clock.now() })
  }

  #seal(by: Framer, message: Uint8Array, to: NodeId | undefined): Uint8Array {
    return by.seal(message.subarray(0, MAX_SENT_BYTES - FRAME_OVERHEAD), to).slice()
  }
}
