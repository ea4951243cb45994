/** One connection over a stream that the test holds both ends of. */
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { PeerConnection } from '../../src/peer/connection.ts'
import type { PeerObserver, PeerOptions } from '../../src/peer/peer-observer.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { makePeerId } from '../../src/protocol/client-name.ts'
import { WireDecoder } from '../../src/protocol/decoder.ts'
import { ExtensionRegistry } from '../../src/protocol/extension.ts'
import { encodePieceHeader, type WireMessage } from '../../src/protocol/message.ts'
import type { ByteStream, StreamHandler } from '../../src/protocol/ports.ts'

export const BLOCK = 16_384

/** `request 2+16384`: the kind of a message and, where there is one, the piece and the offset that it is about. */
function nameOf(message: WireMessage): string {
  if (!('piece' in message)) return message.type
  return 'begin' in message
    ? `${message.type} ${message.piece}+${message.begin}`
    : `${message.type} ${message.piece}`
}

export class FakeStream implements ByteStream {
  readonly remote = { host: '10.0.0.2', port: 6881 }
  queuedBytes = 0
  /** The remote does not read: what is written waits until {@link drain}. */
  isStuck = false
  handler!: StreamHandler
  /** What was written, as messages, and as it was. */
  readonly sent: string[] = []
  readonly writes: Uint8Array[] = []
  isPaused = false
  isDestroyed = false
  onDestroy: () => void = () => {}
  readonly #decoder = new WireDecoder()
  readonly #waiting: (() => void)[] = []

  write(data: Uint8Array, done: () => void = () => {}): void {
    this.writes.push(data)
    this.#decoder.push(data, (message) => this.sent.push(nameOf(message)))
    if (!this.isStuck) return done()
    this.queuedBytes += data.length
    this.#waiting.push(done)
  }

  /** The remote reads what the oldest write has queued. */
  drain(): void {
    this.#waiting.shift()?.()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  destroy(): void {
    this.isDestroyed = true
    this.onDestroy()
  }
}

export interface SceneOptions {
  /** What we offer of BEP 10; `none`: the remote does not speak it. */
  readonly extensions?: PeerOptions['extensions'] | 'none'
  readonly pieceCount?: number
  readonly blocksPerPiece?: number
  /** Pieces that we have. */
  readonly have?: readonly number[]
}

/** We speak BEP 10, and no extension. */
const PLAIN = { registry: new ExtensionRegistry<PeerConnection>(), fields: () => ({ client: 'us' }) }

/** Four pieces of two blocks each, unless told otherwise; the connection is made, and nothing has been said. */
export class ConnectionScene {
  readonly clock = new SimClock()
  readonly stream = new FakeStream()
  readonly geometry: PieceGeometry
  readonly have: Bitfield
  readonly peer: PeerConnection
  /** What the swarm is told. */
  readonly told: string[] = []
  /** The swarm closes the connection when it is told this. */
  lastWord: string | undefined

  constructor({ pieceCount = 4, blocksPerPiece = 2, have = [2], extensions = PLAIN }: SceneOptions = {}) {
    const pieceLength = blocksPerPiece * BLOCK
    this.geometry = new PieceGeometry(pieceLength, [{ path: [], length: pieceCount * pieceLength }])
    this.have = new Bitfield(pieceCount)
    for (const piece of have) this.have.set(piece)
    this.peer = new PeerConnection({
      id: 1,
      stream: this.stream,
      direction: 'in',
      peerId: makePeerId(new SeededRandom(1), '1.2.3'),
      client: 'test',
      clock: this.clock,
      observer: this.#observer,
      download: { ask: (bytes) => bytes },
      ...(extensions !== 'none' && { extensions }),
    })
  }

  /** The usual beginning: the metainfo is known before the first message. */
  start(handshakeRest: Uint8Array = new Uint8Array(0)): this {
    this.peer.onMetainfo(this.geometry, this.have)
    this.peer.start(handshakeRest)
    return this
  }

  /** The remote sends messages, each in a chunk of its own. */
  receive(...messages: readonly Uint8Array[]): void {
    for (const bytes of messages) this.stream.handler.onData(bytes)
  }

  /** The remote sends messages that arrive together. */
  receiveAtOnce(...messages: readonly Uint8Array[]): void {
    this.receive(joined(...messages))
  }

  get #observer(): PeerObserver {
    const tell = (what: string): void => {
      this.told.push(what)
      if (what === this.lastWord) this.peer.close('enough')
    }
    return {
      onPieces: () => tell('pieces'),
      onHave: (_peer, piece) => tell(`have ${piece}`),
      onChoke: () => tell('choke'),
      onUnchoke: () => tell('unchoke'),
      onInterest: () => tell('interest'),
      onBlocks: (_peer, { piece, begin }, bytes) => tell(`block ${piece}+${begin} ${bytes[0]}`),
      onSupplyEnd: () => tell('end'),
      onRequest: () => tell('request'),
      onRequestsEnd: () => tell('requests end'),
      onExtensions: () => tell('extensions'),
      onClosed: (_peer, reason) => tell(`closed: ${reason}`),
    }
  }
}

export function joined(...messages: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((bytes) => [...bytes]))
}

/** A whole `piece` message. */
export function blockMessage(piece: number, begin: number, block: Uint8Array): Uint8Array {
  const header = encodePieceHeader(piece, begin, block.length)
  const message = new Uint8Array(header.length + block.length)
  message.set(header)
  message.set(block, header.length)
  return message
}
