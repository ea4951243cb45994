import { SimSwarm, type SimMachine } from '../../../src/app/sim/swarm.ts'
import { encodeBencode } from '../../../src/protocol/bencode-writer.ts'
import { WireDecoder } from '../../../src/protocol/decoder.ts'
import { encodeExtensionHandshake } from '../../../src/protocol/extension.ts'
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../../src/protocol/handshake.ts'
import { bytesEqual, type PeerId } from '../../../src/protocol/ids.ts'
import {
  encodeBitfield,
  encodeCancels,
  encodeChoke,
  encodeExtended,
  encodeHaves,
  encodeInterested,
  encodePieceHeader,
  encodeRequests,
  encodeUnchoke,
  type BlockRange,
} from '../../../src/protocol/message.ts'
import type { ByteStream } from '../../../src/protocol/ports.ts'
import { hashes } from '../../support/hashes.ts'
import { claim } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

const PIECE = 32_768
const PIECES = 12
/** Of virtual time: what the stranger does happens in the first part of it. */
const PATIENCE = 600_000
const STRANGER = '10.66.0.1'

/** A leecher between an honest seeder and a stranger that does what the input says, one step per byte or two. */
export const target: FuzzTarget = {
  sources: [
    'app/swarm.ts',
    'app/downloader.ts',
    'app/uploader.ts',
    'app/connector.ts',
    'peer/connection.ts',
    'peer/picker.ts',
    'peer/active-pieces.ts',
    'peer/active-piece.ts',
    'peer/parole.ts',
    'peer/upload-queue.ts',
    'peer/request-window.ts',
  ],
  maxLength: 200,
  maxMs: 2_000,
  maxAllocation: () => 2 ** 28,

  seeds: () =>
    [
      [],
      // It has everything, and is honest.
      [1, 2, 7, 20, 4, 4, 4, 4, 4, 4, 7, 10, 4, 4, 4, 4, 4, 4],
      // It lies in every other block.
      [1, 2, 7, 20, 5, 4, 5, 4, 5, 4, 5, 4, 7, 10, 5, 5, 5, 5],
      // It wants something.
      [3, 7, 50, 8, 0, 8, 1, 8, 2, 9, 0, 7, 50, 6, 3, 6, 4],
      // It speaks extensions, says what it wants, goes and comes again.
      [10, 11, 1, 12, 0, 7, 5, 13, 1, 2, 7, 9, 5, 0, 5, 1, 2, 3, 4, 5],
    ].map((steps) => Uint8Array.from(steps)),

  async run(data) {
    const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: PIECES * PIECE - 5_000, pieceLength: PIECE })
    const seeder = await sim.seeder({ up: 100_000 })
    const leecher = await sim.leecher({ peers: [seeder] })
    const stranger = new Stranger(sim, leecher, data)
    stranger.come()
    sim.runUntil(() => leecher.session.snapshot().state === 'seeding' && stranger.isDone, {
      withinMs: PATIENCE,
    })
    claim(bytesEqual(leecher.file()!, sim.payload), 'what was downloaded is the payload')
    const bans = sim.log.filter((line) => line.includes('"peer_banned"'))
    claim(
      bans.every((line) => line.includes(STRANGER)),
      `no honest peer is banned: ${bans.join()}`,
    )
  },
}

class Stranger {
  readonly #sim: SimSwarm
  readonly #leecher: SimMachine
  readonly #steps: Uint8Array
  readonly #host
  #at = 0
  #stream: ByteStream | undefined
  /** What it was asked for. */
  #asked: BlockRange[] = []
  #lives = 0

  constructor(sim: SimSwarm, leecher: SimMachine, steps: Uint8Array) {
    this.#sim = sim
    this.#leecher = leecher
    this.#steps = steps
    this.#host = sim.streams.host(STRANGER, { up: 1_000_000 })
  }

  get isDone(): boolean {
    return this.#at >= this.#steps.length
  }

  come(): void {
    this.#asked = []
    const [host, port] = this.#leecher.address.split(':')
    this.#host.dial({ host: host!, port: Number(port) }, 5_000, (stream) => {
      if (stream instanceof Error) this.#at = this.#steps.length
      else this.#speak(stream)
    })
  }

  #speak(stream: ByteStream): void {
    this.#stream = stream
    const decoder = new WireDecoder()
    let toSkip = HANDSHAKE_LENGTH
    stream.handler = {
      onData: (chunk) => {
        const skipped = Math.min(toSkip, chunk.length)
        toSkip -= skipped
        decoder.push(chunk.subarray(skipped), (message) => {
          if (message.type === 'request') this.#asked.push({ ...message })
        })
      },
      onDrain: () => undefined,
      onClose: () => (this.#stream = undefined),
    }
    const peerId = new Uint8Array(20).fill(++this.#lives) as PeerId
    const { infoHash } = this.#sim.metainfo
    stream.write(encodeHandshake({ infoHash, peerId, hasExtensions: true, hasFast: false }))
    this.#wait(30)
  }

  #wait(ms: number): void {
    this.#sim.clock.after(ms, () => this.#go())
  }

  /** All steps until the next one that takes time. */
  #go(): void {
    while (!this.isDone) {
      const step = this.#steps[this.#at++]!
      const more = this.#steps[this.#at] ?? 0
      switch (step % 16) {
        case 7:
          this.#at++
          return this.#wait(20 * more)
        case 13:
          this.#stream?.destroy()
          return this.come()
        default:
          this.#say(this.#message(step % 16, more))
      }
    }
  }

  #say(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#stream?.write(bytes)
  }

  #message(step: number, more: number): Uint8Array {
    switch (step) {
      case 1:
        return encodeBitfield(Uint8Array.of(0xff, 0xf0))
      case 2:
        return encodeUnchoke()
      case 3:
        return encodeInterested()
      case 4:
      case 5: {
        const asked = this.#asked.shift()
        return asked === undefined ? new Uint8Array() : this.#block(asked, step === 4)
      }
      case 6:
        this.#at++
        return encodeHaves([more])
      case 8:
        this.#at++
        return encodeRequests([range(more)])
      case 9:
        this.#at++
        return encodeCancels([range(more)])
      case 10:
        return encodeExtended(
          0,
          encodeExtensionHandshake({
            ids: new Map([
              ['ut_pex', 1],
              ['ut_metadata', 2],
            ]),
            requestQueue: 5,
            port: 6_881,
            metadataSize: 100,
          }),
        )
      case 11:
        this.#at++
        return encodeExtended(
          more % 4,
          encodeBencode({ added: new Uint8Array(12).fill(10), 'added.f': new Uint8Array(2) }),
        )
      case 12:
        this.#at++
        return encodeExtended(more % 4, encodeBencode({ msg_type: more % 3, piece: 0 }))
      case 14:
        return encodeChoke()
      case 15:
        // A block that nobody may have asked for.
        this.#at++
        return this.#block(range(more), more % 2 === 0)
      default: {
        const raw = this.#steps.slice(this.#at + 1, this.#at + 1 + more)
        this.#at += 1 + more
        return raw
      }
    }
  }

  #block({ piece, begin, length }: BlockRange, isTrue: boolean): Uint8Array {
    const at = piece * PIECE + begin
    const block = this.#sim.payload.slice(at, at + length)
    if (!isTrue) block.fill(7, 0, 10)
    return Buffer.concat([encodePieceHeader(piece, begin, block.length), block])
  }
}

/** One of two blocks of a piece, or nearly so. */
function range(byte: number): BlockRange {
  return { piece: byte >> 2, begin: (byte & 1) * 16_384 + ((byte & 2) >> 1), length: 16_384 }
}
