/**
 * A peer that says it has everything and sends what a script says, right or wrong. It speaks over any byte stream: simulated
 * or real.
 */
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { WireDecoder } from '../../src/protocol/decoder.ts'
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../src/protocol/handshake.ts'
import type { PeerId } from '../../src/protocol/ids.ts'
import {
  encodeBitfield,
  encodeChoke,
  encodePieceHeader,
  encodeUnchoke,
  type BlockRange,
} from '../../src/protocol/message.ts'
import type { ByteStream, Clock, Millis, StreamHandler } from '../../src/protocol/ports.ts'

/** Between the last block and the hanging up. */
const LEAVING: Millis = 3_000

export interface Asked {
  readonly piece: number
  readonly block: number
  /** Blocks that were sent before, on all connections of this poisoner. */
  readonly sent: number
}

export interface Script {
  readonly isBad: (asked: Asked) => boolean
  /** Until it answers; `Infinity`: never. At once when missing. */
  readonly delay?: (asked: Asked) => Millis
  /** It hangs up after so many blocks on one connection. */
  readonly leavesAfter?: number
  /** It chokes for good after so many blocks on one connection. */
  readonly chokesAfter?: number
  /** It chokes after each block, and unchokes at once. */
  readonly flaps?: boolean
}

export interface PoisonerOptions {
  readonly metainfo: Metainfo
  readonly payload: Uint8Array
  readonly peerId: () => PeerId
  readonly clock: Clock
  readonly script: Script
}

export class Poisoner {
  readonly options: PoisonerOptions
  /** Pieces of which it has sent bad blocks. */
  readonly poisoned = new Set<number>()
  sent = 0
  bad = 0

  constructor(options: PoisonerOptions) {
    this.options = options
  }

  /** Takes up a connection, whoever dialled. */
  speak(stream: ByteStream): void {
    stream.handler = new Conversation(this, stream)
  }

  blockOf({ piece, begin, length }: BlockRange): Uint8Array {
    const { payload, metainfo, script } = this.options
    const at = piece * metainfo.geometry.pieceLength + begin
    const bytes = payload.slice(at, at + length)
    if (script.isBad({ piece, block: begin / BLOCK_LENGTH, sent: this.sent })) {
      bytes[this.bad % length]! ^= 0x55
      this.bad++
      this.poisoned.add(piece)
    }
    this.sent++
    return bytes
  }
}

class Conversation implements StreamHandler {
  readonly #poisoner: Poisoner
  readonly #stream: ByteStream
  readonly #decoder = new WireDecoder()
  #skip = HANDSHAKE_LENGTH
  #isGone = false
  #sent = 0

  constructor(poisoner: Poisoner, stream: ByteStream) {
    this.#poisoner = poisoner
    this.#stream = stream
    const { metainfo, peerId } = poisoner.options
    const { infoHash, geometry } = metainfo
    stream.write(encodeHandshake({ infoHash, peerId: peerId(), hasExtensions: false, hasFast: false }))
    const all = new Uint8Array(Math.ceil(geometry.pieceCount / 8)).fill(0xff)
    const spare = 8 * all.length - geometry.pieceCount
    all[all.length - 1]! &= 0xff << spare
    stream.write(encodeBitfield(all))
    stream.write(encodeUnchoke())
  }

  onData(chunk: Uint8Array): void {
    const skipped = Math.min(chunk.length, this.#skip)
    this.#skip -= skipped
    this.#decoder.push(chunk.subarray(skipped), (message) => {
      if (message.type === 'request') this.#onRequest({ ...message })
    })
  }

  onDrain(): void {}

  onClose(): void {
    this.#isGone = true
  }

  #onRequest(range: BlockRange): void {
    const { script, clock } = this.#poisoner.options
    const asked = { piece: range.piece, block: range.begin / BLOCK_LENGTH, sent: this.#poisoner.sent }
    const delay = script.delay?.(asked) ?? 0
    if (delay === 0) this.#answer(range)
    else if (delay !== Infinity) clock.after(delay, () => this.#answer(range))
  }

  #answer(range: BlockRange): void {
    const { script, clock } = this.#poisoner.options
    if (this.#isGone || this.#sent === script.leavesAfter || this.#sent === script.chokesAfter) return
    const { piece, begin, length } = range
    this.#stream.write(encodePieceHeader(piece, begin, length))
    this.#stream.write(this.#poisoner.blockOf(range))
    this.#sent++
    if (script.flaps) {
      this.#stream.write(encodeChoke())
      this.#stream.write(encodeUnchoke())
    }
    if (this.#sent === script.chokesAfter) this.#stream.write(encodeChoke())
    // What is on its way would be lost with the connection.
    if (this.#sent === script.leavesAfter) clock.after(LEAVING, () => this.#stream.destroy())
  }
}
