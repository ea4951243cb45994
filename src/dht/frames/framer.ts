/**
 * Frames of a private network: each message is signed or encrypted, and valid once, soon, and for one receiver.
 *
 *     1  0xD1
 *     1  mode: 1 signed, 2 encrypted
 *     2  key id
 *     8  salt: random, drawn when the sender starts, and when its clock turns out to have been far ahead
 *     7  sequence number: above the one before, and the Unix time in microseconds
 *     n  the message, in mode 2 encrypted
 *    16  tag, over all of this and the id of the receiver, which is not sent: zeros when the sender does not know it
 *
 * A sender's sequence numbers never repeat and its salt is its own, so that neither do nonces under one key.
 */
import { invariant } from '../../protocol/errors.ts'
import { ID_LENGTH, type NodeId } from '../../protocol/ids.ts'
import type { AeadKey, Clock, Millis, Random } from '../../protocol/ports.ts'
import type { DropReason } from '../wire/drops.ts'
import { HMAC_BLOCK } from './hmac.ts'
import type { KeyRing, RingKey } from './key-ring.ts'
import { MAX_SENT_BYTES } from '../wire/messages.ts'
import type { NetworkClock } from './network-clock.ts'
import { ReplayGuard } from './replay-guard.ts'
import { Bucket } from '../wire/source-limiter.ts'

/** First byte of a frame. */
export const FRAME = 0xd1
const SIGNED = 1
const ENCRYPTED = 2

const KEY_ID_AT = 2
const SALT_AT = 4
const SEQUENCE_AT = 12
const BODY_AT = 19
const TAG_BYTES = 16
const NONCE_BYTES = 12

/** Bytes that a frame adds to its message. */
export const FRAME_OVERHEAD = BODY_AT + TAG_BYTES

/** How far a frame's time may be from ours. */
export const MAX_SKEW: Millis = 120_000
/** Sequence numbers further ahead of our clock than this start over, because nobody would accept our frames until it caught up. */
const MAX_AHEAD: Millis = MAX_SKEW / 2
/** Senders heard of for the first time: each costs memory, and in mode 2 a key to derive. */
const NEW_SALTS = { perSecond: 2_000, burst: 2_000 }
/** Senders whose derived key is kept; the one that was silent for longest goes first. */
const MAX_DERIVED_KEYS = 4_096

/** The longest datagram that is looked at, with room for what is hashed around it. */
const SCRATCH_BYTES = HMAC_BLOCK + 2_048

/** The content of an authentic frame. */
export interface Opened {
  /** Valid until the next frame is opened. */
  readonly body: Uint8Array
  /** The sender did not know our id: it may only ask who is here. */
  readonly isFirstContact: boolean
  /** Its clock and ours agree. A sender whose clock is off is told so, and ignored. */
  readonly isTimely: boolean
}

export interface FramerOptions {
  readonly keys: KeyRing
  readonly clock: Clock
  readonly random: Random
  readonly time: NetworkClock
}

export class Framer {
  /** Set by the node, before anything is opened. */
  ownId: Uint8Array = NOBODY
  readonly #keys: KeyRing
  readonly #clock: Clock
  readonly #time: NetworkClock
  readonly #guard = new ReplayGuard()
  readonly #newSalts: Bucket
  readonly #random: Random
  #salt = ''
  #ownAeadKey!: AeadKey
  /** By key and salt, in the order of last use. */
  readonly #derived = new Map<string, AeadKey>()
  #sequence = 0
  readonly #sealing = new Uint8Array(SCRATCH_BYTES)
  readonly #frame = this.#sealing.subarray(HMAC_BLOCK)
  readonly #opening = new Uint8Array(SCRATCH_BYTES)
  readonly #nonce = new Uint8Array(NONCE_BYTES)
  /** The header and the receiver's id: what is signed beside the encrypted message. */
  readonly #additional = new Uint8Array(BODY_AT + ID_LENGTH)

  constructor({ keys, clock, random, time }: FramerOptions) {
    this.#keys = keys
    this.#clock = clock
    this.#time = time
    this.#newSalts = new Bucket(NEW_SALTS, clock.now())
    this.#random = random
    const header = this.#frame
    header[0] = FRAME
    header[1] = keys.primary.mode === 'aead' ? ENCRYPTED : SIGNED
    header[KEY_ID_AT] = keys.primary.id >> 8
    header[KEY_ID_AT + 1] = keys.primary.id & 0xff
    this.#drawSalt()
  }

  /**
   * @param message with the frame around it at most {@link MAX_SENT_BYTES}
   * @param to the receiver's id; undefined when only its address is known
   * @returns the frame, valid until the next call
   */
  seal(message: Uint8Array, to: NodeId | undefined): Uint8Array {
    const frame = this.#frame
    const now = this.#microseconds()
    if (this.#sequence - now > 1_000 * MAX_AHEAD) this.#drawSalt()
    this.#sequence = Math.max(this.#sequence + 1, now)
    writeSequence(frame, this.#sequence)
    const end = BODY_AT + message.length
    invariant(end + TAG_BYTES <= MAX_SENT_BYTES, 'a message that does not fit into its frame')
    frame.set(message, BODY_AT)
    if (frame[1] === SIGNED) {
      const signature = this.#sign(this.#sealing, this.#keys.primary, end, to ?? NOBODY)
      for (let i = 0; i < TAG_BYTES; i++) frame[end + i] = signature[i]!
    } else {
      this.#prepare(frame, to ?? NOBODY)
      const sealed = this.#ownAeadKey.seal(this.#nonce, this.#additional, frame.subarray(BODY_AT, end))
      frame.set(sealed, BODY_AT)
    }
    return frame.subarray(0, end + TAG_BYTES)
  }

  /** @param data no longer than any datagram that is looked at */
  open(data: Uint8Array): Opened | DropReason {
    const mode = data[1]
    if (data[0] !== FRAME || data.length <= FRAME_OVERHEAD || (mode !== SIGNED && mode !== ENCRYPTED))
      return 'frame'
    const key = this.#keys.find((data[KEY_ID_AT]! << 8) | data[KEY_ID_AT + 1]!)
    if (key === undefined) return 'key'
    const salt = saltIn(data, SALT_AT)
    if (salt === this.#salt) return 'reflection'
    const opened = mode === SIGNED ? this.#verify(data, key) : this.#decrypt(data, key, salt)
    if (typeof opened === 'string') return opened
    const now = this.#microseconds()
    const seq = readSequence(data)
    const isTimely = Math.abs(seq - now) <= 1_000 * MAX_SKEW
    if (isTimely) {
      if (!this.#guard.knows(salt) && mode === SIGNED && !this.#newSalts.take(this.#clock.now()))
        return 'salt-rate'
      if (!this.#guard.accepts(salt, seq, now, 1_000 * MAX_SKEW)) return 'replay'
    } else if (this.#guard.isOld(salt, seq)) return 'replay'
    return { body: opened.body, isFirstContact: opened.isFirstContact, isTimely }
  }

  #verify(data: Uint8Array, key: RingKey): Omit<Opened, 'isTimely'> | DropReason {
    const buffer = this.#opening
    const end = data.length - TAG_BYTES
    buffer.set(data, HMAC_BLOCK)
    for (const to of [this.ownId, NOBODY])
      if (isTag(this.#sign(buffer, key, end, to), data, end))
        return {
          body: buffer.subarray(HMAC_BLOCK + BODY_AT, HMAC_BLOCK + end),
          isFirstContact: to === NOBODY,
        }
    return 'tag'
  }

  #decrypt(data: Uint8Array, key: RingKey, salt: string): Omit<Opened, 'isTimely'> | DropReason {
    const name = `${key.id} ${salt}`
    let derived = this.#derived.get(name)
    if (derived === undefined) {
      if (!this.#newSalts.take(this.#clock.now())) return 'salt-rate'
      derived = key.aeadKey(data.subarray(SALT_AT, SEQUENCE_AT))
    }
    for (const to of [this.ownId, NOBODY]) {
      this.#prepare(data, to)
      const body = derived.open(this.#nonce, this.#additional, data.subarray(BODY_AT))
      if (body === undefined) continue
      // Only an authentic frame may take the place of another sender's key.
      this.#keep(name, derived)
      return { body, isFirstContact: to === NOBODY }
    }
    return 'tag'
  }

  /** Under another salt no number was used yet. */
  #drawSalt(): void {
    const salt = this.#frame.subarray(SALT_AT, SEQUENCE_AT)
    this.#random.fill(salt)
    this.#salt = saltIn(salt, 0)
    this.#ownAeadKey = this.#keys.primary.aeadKey(salt)
    this.#sequence = 0
  }

  #keep(name: string, derived: AeadKey): void {
    if (!this.#derived.delete(name) && this.#derived.size >= MAX_DERIVED_KEYS)
      this.#derived.delete(this.#derived.keys().next().value!)
    this.#derived.set(name, derived)
  }

  /**
   * @param end where the message ends in the frame, which lies behind {@link HMAC_BLOCK} bytes of `buffer`
   * @returns the tag, and more behind it; valid until the next call
   */
  #sign(buffer: Uint8Array, key: RingKey, end: number, to: Uint8Array): Uint8Array {
    buffer.set(to, HMAC_BLOCK + end)
    return key.mac.sign(buffer, HMAC_BLOCK + end + ID_LENGTH)
  }

  #prepare(frame: Uint8Array, to: Uint8Array): void {
    this.#additional.set(frame.subarray(0, BODY_AT))
    this.#additional.set(to, BODY_AT)
    this.#nonce.set(frame.subarray(SEQUENCE_AT, BODY_AT), NONCE_BYTES - (BODY_AT - SEQUENCE_AT))
  }

  /** Unix time as the network agrees on it. */
  #microseconds(): number {
    return Math.floor(1_000 * this.#time.now())
  }
}

/** Represents a receiver whose id is unknown. */
const NOBODY = new Uint8Array(ID_LENGTH)

/** Its eight bytes as the key of a Map. */
function saltIn(bytes: Uint8Array, at: number): string {
  const pair = (from: number): number => (bytes[at + from]! << 8) | bytes[at + from + 1]!
  return String.fromCharCode(pair(0), pair(2), pair(4), pair(6))
}

function writeSequence(frame: Uint8Array, seq: number): void {
  const high = Math.floor(seq / 2 ** 32)
  for (let i = 0; i < 3; i++) frame[SEQUENCE_AT + i] = high >>> (16 - 8 * i)
  for (let i = 0; i < 4; i++) frame[SEQUENCE_AT + 3 + i] = seq >>> (24 - 8 * i)
}

/** Above 2^53 it is inexact, and 200 years away. */
function readSequence(frame: Uint8Array): number {
  let seq = 0
  for (let at = SEQUENCE_AT; at < BODY_AT; at++) seq = 256 * seq + frame[at]!
  return seq
}

/** In time that does not depend on where they differ. */
function isTag(tag: Uint8Array, data: Uint8Array, at: number): boolean {
  let difference = 0
  for (let i = 0; i < TAG_BYTES; i++) difference |= tag[i]! ^ data[at + i]!
  return difference === 0
}
