/** How much useless talk a remote may send before we close the connection. */
import { ProtocolError } from '../protocol/errors.ts'
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { BlockRange, WireMessage } from '../protocol/message.ts'
import type { Millis } from '../protocol/ports.ts'
import { MAX_REQUEST_LENGTH } from './upload-queue.ts'

/** Messages that a remote may send without anything being exchanged, at once and in the long run. */
export const IDLE_TALK = { burst: 8_192, perSecond: 512 }
/** Blocks that were never requested, after which a remote is closed. Those that crossed a cancel or a choke do not count. */
export const MAX_UNREQUESTED_BLOCKS = 64

/** A message that makes us go through all pieces or requests counts as this many: a repeated bitfield, a choke that is taken back. */
const HEAVY = 64

/** What each message costs. Blocks are free here: unrequested ones are counted by {@link Conduct.onUnrequestedBlock}. */
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

/** What each block or `have` earns: room for its request, a cancel, and a change of interest there and back. */
const GAIN = 4

/**
 * Messages that move nothing cost us more than the sender. So a remote has a credit of them, which time replenishes, and so does
 * every block and every `have` in either direction: whoever exchanges much may also talk much.
 */
export class Conduct {
  #left = IDLE_TALK.burst
  #unrequestedBlocks = 0
  #filledAt: Millis

  constructor(now: Millis) {
    this.#filledAt = now
  }

  /** Adds what time has earned. To be called before the messages of a chunk are counted. */
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

  /** `count` blocks went one way or the other, or one side told the other of so many pieces. */
  onExchanged(count: number): void {
    this.#earn(count * GAIN)
  }

  /**
   * Some cross a cancel that we have forgotten; many mean an attack or a broken client.
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
