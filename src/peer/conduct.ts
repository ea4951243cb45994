/** What a remote may do that helps nobody, before we part with it. */
import { ProtocolError } from '../protocol/errors.ts'
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { BlockRange, WireMessage } from '../protocol/message.ts'
import type { Millis } from '../protocol/ports.ts'
import { MAX_REQUEST_LENGTH } from './upload-queue.ts'

/** Messages that a remote may send without anything being exchanged, at once and in the long run. */
export const IDLE_TALK = { burst: 8_192, perSecond: 512 }
/** Unrequested blocks, beyond those that crossed a cancel or choke, after which a remote is closed. */
export const MAX_UNREQUESTED_BLOCKS = 64

/** As many messages is one that has us look at everything anew: a repeated bitfield, a choke that is taken back. */
const HEAVY = 64

/** In messages. Blocks cost nothing: those that were not asked for are counted elsewhere. */
const COST: Readonly<Record<WireMessage['type'], number>> = {
  keepAlive: 1,
  choke: HEAVY,
  unchoke: HEAVY,
  interested: 1,
  notInterested: 1,
  have: 1,
  bitfield: HEAVY,
  request: 1,
  piece: 0,
  cancel: 1,
  port: 1,
  extended: 1,
  unknown: 1,
}

/** What each block or `have` brings: room for a request, a cancel and a change of interest. */
const GAIN = 4

/**
 * Messages that move nothing are cheap to send and cost us more. What a remote may say of them is saved up for a while, time
 * brings more, and so does every block and every `have` between us: who exchanges much may talk much.
 */
export class Conduct {
  #left = IDLE_TALK.burst
  #unrequestedBlocks = 0
  #filledAt: Millis

  constructor(now: Millis) {
    this.#filledAt = now
  }

  /** To be called before messages are counted. */
  fill(now: Millis): void {
    this.#earn(((now - this.#filledAt) / 1_000) * IDLE_TALK.perSecond)
    this.#filledAt = now
  }

  /** @throws {ProtocolError} `wire.flood` when it has said too much */
  onMessage(type: WireMessage['type']): void {
    this.#spend(COST[type])
  }

  /** @throws {ProtocolError} `wire.flood` */
  onExtensionHandshake(): void {
    this.#spend(HEAVY)
  }

  /** A block went one way or the other, or one side has told the other of `count` pieces. */
  onExchanged(count: number): void {
    this.#earn(count * GAIN)
  }

  /**
   * Some cross a cancel; many are an attack or a broken client.
   *
   * @throws {ProtocolError} `wire.unrequested`
   */
  onUnrequestedBlock(): void {
    if (++this.#unrequestedBlocks > MAX_UNREQUESTED_BLOCKS)
      throw new ProtocolError('wire.unrequested', 'block after block that nobody asked for')
  }

  #spend(cost: number): void {
    this.#left -= cost
    if (this.#left < 0) throw new ProtocolError('wire.flood', 'message after message that moves nothing')
  }

  #earn(messages: number): void {
    this.#left = Math.min(IDLE_TALK.burst, this.#left + messages)
  }
}

/**
 * Blocks and requests must lie inside a piece.
 *
 * @throws {ProtocolError} `wire.bad-piece`
 */
export function checkRange(
  geometry: PieceGeometry,
  { piece, begin, length }: BlockRange,
  what: string,
): void {
  if (length > MAX_REQUEST_LENGTH || !geometry.isRange(piece, begin, length))
    throw new ProtocolError('wire.bad-piece', `${what} outside the pieces: ${piece}, ${begin}`)
}
