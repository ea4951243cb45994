/** Decodes peer messages from arbitrary chunks of a byte stream (BEP 3). The hottest code of the product. */
import { MAX_PIECES } from './bitfield.ts'
import { ProtocolError } from './errors.ts'
import { MESSAGE_ID, PIECE_HEADER_LENGTH, type WireMessage } from './message.ts'

/** Bytes of the longest block that is accepted: as many as we ever request. */
export const MAX_BLOCK_LENGTH = 131_072
/** A block longer than so many bytes is delivered as it comes: what has come of it counts, whatever becomes of the rest. */
export const BLOCK_STEP = 16_384
/**
 * Bytes of an extended message, id and all: a metadata block is 16 KiB and a header, a PEX message 2 KiB, a handshake
 * less. The rest is room for extensions to come.
 */
export const MAX_EXTENDED_LENGTH = 128 * 1024
/** Bytes of a message with an id that we do not know. It is skipped, never held. */
export const MAX_UNKNOWN_LENGTH = 1024 * 1024

/** Length prefix and id: what must be there before a message can be judged. */
const PREFIX_LENGTH = 5
/** Id, piece index and offset, in front of a block: what the length of a message counts beside the block. */
const PIECE_FIELDS_LENGTH = PIECE_HEADER_LENGTH - 4
/** Enough for every message but blocks, bitfields and extended ones. */
const MIN_SCRATCH = 32
/** Enough for a step of a block; a larger scratch is given back after its message. */
const MAX_KEPT_SCRATCH = BLOCK_STEP

const EMPTY = new Uint8Array(0)

export type OnMessage = (message: WireMessage) => void

/**
 * Turns chunks into messages. A message that lies entirely in one chunk is read in place; one that is split is assembled in a
 * scratch buffer, which grows with the bytes that arrive, and never beyond what the message's kind allows.
 * A block longer than {@link BLOCK_STEP} may come as several messages, each of one or more such steps, as soon as they are there.
 *
 * The decoder checks lengths. It knows no geometry, no state of the connection and no meaning.
 */
export class WireDecoder {
  /** The beginning of a message whose end has not come. */
  #scratch = EMPTY
  #filled = 0
  /** Bytes of an unknown message that are still to be dropped. */
  #skipping = 0
  /** Bytes of a block that have not been delivered, and where in which piece they begin. */
  #blockLeft = 0
  #piece = 0
  #begin = 0
  #isStopped = false
  #minBitfield = 0
  #maxBitfield = MAX_PIECES / 8

  /** From now on a bitfield must have exactly the size for so many pieces. */
  expectPieces(pieceCount: number): void {
    this.#minBitfield = this.#maxBitfield = Math.ceil(pieceCount / 8)
  }

  /** Delivers nothing more: neither the rest of the chunk nor a later one. */
  stop(): void {
    this.#isStopped = true
    this.#scratch = EMPTY
    this.#filled = 0
    this.#blockLeft = 0
  }

  /**
   * Calls `onMessage` for each message that ends in `chunk`. Views in a message are valid during the call only; the
   * callback may call {@link stop}.
   *
   * @throws {ProtocolError} `wire.oversize`, `wire.malformed`, `wire.bad-bitfield`; the decoder is then stopped
   */
  push(chunk: Uint8Array, onMessage: OnMessage): void {
    let at = 0
    while (at < chunk.length && !this.#isStopped) {
      if (this.#skipping > 0) {
        const dropped = Math.min(this.#skipping, chunk.length - at)
        this.#skipping -= dropped
        at += dropped
      } else if (this.#filled === 0) {
        const size = this.#measure(chunk, at, chunk.length - at)
        if (size <= chunk.length - at) {
          this.#deliver(chunk, at, size, onMessage)
          at += size
        } else at += this.#keep(chunk, at, size)
      } else {
        at += this.#keep(chunk, at, this.#measure(this.#scratch, 0, this.#filled))
        if (this.#measure(this.#scratch, 0, this.#filled) === this.#filled) this.#deliverScratch(onMessage)
      }
    }
  }

  /**
   * How many bytes to have before what is at `at` can be dealt with. While fewer than {@link PREFIX_LENGTH} are `available`
   * that is only a step on the way; an unknown message is delivered as its prefix, and a block follows its header.
   */
  #measure(bytes: Uint8Array, at: number, available: number): number {
    if (this.#blockLeft > 0) return this.#stepsIn(available)
    if (available < 4) return 4
    const length = readUint32(bytes, at)
    if (length === 0) return 4
    if (available < PREFIX_LENGTH) return PREFIX_LENGTH
    const id = bytes[at + 4]!
    if (!this.#isKnown(id, length)) return PREFIX_LENGTH
    return id === MESSAGE_ID.piece ? PIECE_HEADER_LENGTH : 4 + length
  }

  /** All steps of a block that so many bytes complete; the next one when they complete none. */
  #stepsIn(available: number): number {
    const whole = Math.max(BLOCK_STEP, available - (available % BLOCK_STEP))
    return available < this.#blockLeft ? Math.min(whole, this.#blockLeft) : this.#blockLeft
  }

  /** Holds `length`, which counts the id, against what the kind of message allows. */
  #isKnown(id: number, length: number): boolean {
    switch (id) {
      case MESSAGE_ID.piece:
        if (length > PIECE_FIELDS_LENGTH + MAX_BLOCK_LENGTH) this.#refuse('wire.oversize', 'piece', length)
        if (length <= PIECE_FIELDS_LENGTH) this.#refuse('wire.malformed', 'piece', length)
        return true
      case MESSAGE_ID.request:
      case MESSAGE_ID.cancel:
        if (length !== 13) this.#refuse('wire.malformed', 'request or cancel', length)
        return true
      case MESSAGE_ID.have:
        if (length !== 5) this.#refuse('wire.malformed', 'have', length)
        return true
      case MESSAGE_ID.choke:
      case MESSAGE_ID.unchoke:
      case MESSAGE_ID.interested:
      case MESSAGE_ID.notInterested:
        if (length !== 1) this.#refuse('wire.malformed', 'choke or interest', length)
        return true
      case MESSAGE_ID.bitfield:
        if (length - 1 < this.#minBitfield || length - 1 > this.#maxBitfield)
          this.#refuse('wire.bad-bitfield', 'bitfield', length)
        return true
      case MESSAGE_ID.port:
        if (length !== 3) this.#refuse('wire.malformed', 'port', length)
        return true
      case MESSAGE_ID.extended:
        if (length > MAX_EXTENDED_LENGTH) this.#refuse('wire.oversize', 'extended', length)
        if (length < 2) this.#refuse('wire.malformed', 'extended', length)
        return true
      default:
        if (length > MAX_UNKNOWN_LENGTH) this.#refuse('wire.oversize', `unknown (id ${id})`, length)
        return false
    }
  }

  #refuse(
    code: 'wire.oversize' | 'wire.malformed' | 'wire.bad-bitfield',
    kind: string,
    length: number,
  ): never {
    this.stop()
    throw new ProtocolError(code, `a message of kind ${kind} with a length of ${length}`)
  }

  /** What {@link #measure} has measured at `at`, `size` bytes, is there whole. */
  #deliver(bytes: Uint8Array, at: number, size: number, onMessage: OnMessage): void {
    if (this.#blockLeft > 0) return this.#deliverSteps(bytes.subarray(at, at + size), onMessage)
    if (readUint32(bytes, at) > 0 && bytes[at + 4] === MESSAGE_ID.piece) return this.#beginBlock(bytes, at)
    const message = read(bytes, at)
    if (message.type === 'unknown') this.#skipping = message.length - 1
    onMessage(message)
  }

  #beginBlock(bytes: Uint8Array, at: number): void {
    this.#blockLeft = readUint32(bytes, at) - PIECE_FIELDS_LENGTH
    this.#piece = readUint32(bytes, at + PREFIX_LENGTH)
    this.#begin = readUint32(bytes, at + PREFIX_LENGTH + 4)
  }

  #deliverSteps(block: Uint8Array, onMessage: OnMessage): void {
    const begin = this.#begin
    this.#begin += block.length
    this.#blockLeft -= block.length
    onMessage({ type: 'piece', piece: this.#piece, begin, block })
  }

  #deliverScratch(onMessage: OnMessage): void {
    const scratch = this.#scratch
    const size = this.#filled
    this.#filled = 0
    if (scratch.length > MAX_KEPT_SCRATCH) this.#scratch = EMPTY
    this.#deliver(scratch, 0, size, onMessage)
  }

  /** Moves bytes of a message of `size` bytes from the chunk to the scratch. @returns how many */
  #keep(chunk: Uint8Array, at: number, size: number): number {
    const count = Math.min(size - this.#filled, chunk.length - at)
    const filled = this.#filled + count
    if (filled > this.#scratch.length) {
      // A peer that claims much and sends little makes us hold little.
      const capacity = Math.max(MIN_SCRATCH, Math.min(size, Math.max(2 * filled, MAX_KEPT_SCRATCH)))
      const grown = new Uint8Array(capacity)
      grown.set(this.#scratch.subarray(0, this.#filled))
      this.#scratch = grown
    }
    this.#scratch.set(chunk.subarray(at, at + count), this.#filled)
    this.#filled = filled
    return count
  }
}

const KEEP_ALIVE: WireMessage = { type: 'keepAlive' }
const CHOKE: WireMessage = { type: 'choke' }
const UNCHOKE: WireMessage = { type: 'unchoke' }
const INTERESTED: WireMessage = { type: 'interested' }
const NOT_INTERESTED: WireMessage = { type: 'notInterested' }

/** Reads the message at `at`, which is none with a block, whose length fits its kind and which is there whole. */
function read(bytes: Uint8Array, at: number): WireMessage {
  const length = readUint32(bytes, at)
  if (length === 0) return KEEP_ALIVE
  const id = bytes[at + 4]!
  const from = at + PREFIX_LENGTH
  const end = at + 4 + length
  switch (id) {
    case MESSAGE_ID.request:
      return readRange('request', bytes, from)
    case MESSAGE_ID.cancel:
      return readRange('cancel', bytes, from)
    case MESSAGE_ID.have:
      return { type: 'have', piece: readUint32(bytes, from) }
    case MESSAGE_ID.choke:
      return CHOKE
    case MESSAGE_ID.unchoke:
      return UNCHOKE
    case MESSAGE_ID.interested:
      return INTERESTED
    case MESSAGE_ID.notInterested:
      return NOT_INTERESTED
    case MESSAGE_ID.bitfield:
      return { type: 'bitfield', bytes: bytes.subarray(from, end) }
    case MESSAGE_ID.port:
      return { type: 'port', port: (bytes[from]! << 8) | bytes[from + 1]! }
    case MESSAGE_ID.extended:
      return { type: 'extended', id: bytes[from]!, payload: bytes.subarray(from + 1, end) }
    default:
      return { type: 'unknown', id, length }
  }
}

function readRange(type: 'request' | 'cancel', bytes: Uint8Array, from: number): WireMessage {
  return {
    type,
    piece: readUint32(bytes, from),
    begin: readUint32(bytes, from + 4),
    length: readUint32(bytes, from + 8),
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
