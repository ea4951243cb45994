/** Somebody who speaks the peer protocol as badly as the scene wants. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { WireDecoder } from '../../src/protocol/decoder.ts'
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../src/protocol/handshake.ts'
import { idFrom, type InfoHash, type PeerId } from '../../src/protocol/ids.ts'
import { encodeExtended, type WireMessage } from '../../src/protocol/message.ts'

const PATIENCE_MS = 20_000

export interface CallOptions {
  /** The local address; every `127.x.y.z` is one. */
  readonly from?: string
  /** Says neither the handshake nor anything else. */
  readonly isSilent?: boolean
}

export class RawPeer {
  readonly socket: Socket
  /** `127.0.0.7:1234`, as the victim names it in its events. */
  name = ''
  /** Messages that came, without their bytes. */
  readonly heard: string[] = []
  readonly #decoder = new WireDecoder()
  #skipping = HANDSHAKE_LENGTH
  readonly #closed = Promise.withResolvers<void>()
  #onHeard: () => void = () => {}
  #onRoom: () => void = () => {}
  onMessage: (message: WireMessage) => void = () => {}

  /** Connects to `host:port`, and shakes hands unless it is to be silent. */
  static async call(to: string, infoHash: InfoHash, options: CallOptions = {}): Promise<RawPeer> {
    const [host = '', port] = to.split(':')
    const socket = connect({ host, port: Number(port), ...(options.from && { localAddress: options.from }) })
    const peer = new RawPeer(socket)
    await once(socket, 'connect')
    peer.name = `${socket.localAddress}:${socket.localPort}`
    if (!options.isSilent) peer.shake(infoHash)
    return peer
  }

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('drain', () => this.#onRoom())
    socket.on('close', () => {
      this.#closed.resolve()
      this.#onRoom()
      this.#onHeard()
    })
  }

  get isClosed(): boolean {
    return this.socket.destroyed || this.socket.readableEnded
  }

  shake(infoHash: InfoHash, peerId: Uint8Array = randomBytes(20)): void {
    this.send(
      encodeHandshake({ infoHash, peerId: idFrom<PeerId>(peerId), hasExtensions: true, hasFast: true }),
    )
  }

  send(...messages: readonly Uint8Array[]): void {
    if (!this.isClosed) for (const message of messages) this.socket.write(message)
  }

  extended(id: number, payload: Uint8Array): void {
    this.send(encodeExtended(id, payload))
  }

  /** Sends what `next` makes as fast as it is taken, until the connection is closed or `next` has no more. */
  async flood(next: () => Uint8Array | undefined): Promise<void> {
    while (!this.isClosed) {
      const bytes = next()
      if (bytes === undefined) return
      if (this.socket.write(bytes)) continue
      await new Promise<void>((resolve) => (this.#onRoom = resolve))
    }
  }

  /** Until the other side has closed the connection. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Until a message of that type has come. */
  async until(type: WireMessage['type']): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!this.heard.includes(type)) {
      if (this.isClosed || performance.now() > deadline)
        throw new Error(`no ${type} came, but ${[...new Set(this.heard)].join(', ') || 'nothing'}`)
      await new Promise<void>((resolve) => {
        this.#onHeard = resolve
        setTimeout(resolve, 100)
      })
    }
  }

  /** Reads nothing more: what the victim sends stays with it, once the system's buffers are full. */
  stopReading(): void {
    this.socket.pause()
  }

  hangUp(): void {
    this.socket.destroy()
  }

  #onData(chunk: Uint8Array): void {
    const skipped = Math.min(chunk.length, this.#skipping)
    this.#skipping -= skipped
    this.#decoder.push(chunk.subarray(skipped), (message) => {
      this.heard.push(message.type)
      this.onMessage(message)
    })
    this.#onHeard()
  }
}

/** Waits to be dialled. Everybody who calls gets the same treatment. */
export class RawListener {
  readonly #server: Server

  static async open(host: string, onCall: (peer: RawPeer) => void): Promise<RawListener> {
    const listener = new RawListener(createServer((socket) => onCall(new RawPeer(socket))))
    listener.#server.listen(0, host)
    await once(listener.#server, 'listening')
    return listener
  }

  private constructor(server: Server) {
    this.#server = server
  }

  get address(): string {
    const { address, port } = this.#server.address() as { address: string; port: number }
    return `${address}:${port}`
  }

  close(): void {
    this.#server.close()
  }
}
