/** A TCP connection as a {@link ByteStream}. */
import type { Socket } from 'node:net'
import type { Endpoint } from '../../protocol/endpoint.ts'
import { formatEndpoint } from '../../protocol/endpoint.ts'
import type { TransportError } from '../../protocol/errors.ts'
import type { ByteStream, StreamHandler } from '../../protocol/ports.ts'
import { connectionError } from './network-error.ts'

/** The writes of one turn: they leave in one `writev` and complete together. */
interface Batch {
  readonly chunks: Uint8Array[]
  readonly dones: (() => void)[]
  bytes: number
}

/** The longest typed array that V8 keeps on its heap. */
const MAX_SMALL_BYTES = 64

/** The handler of a fresh stream, until its user sets another. */
const NOBODY: StreamHandler = { onData: () => {}, onDrain: () => {}, onClose: () => {} }

export class TcpStream implements ByteStream {
  readonly remote: Endpoint
  handler: StreamHandler = NOBODY
  readonly #socket: Socket
  #queuedBytes = 0
  /** The writes of this turn, not yet passed to the socket. */
  #open: Batch | undefined
  /** Passed to the socket, oldest first. */
  readonly #sent: Batch[] = []
  #isClosed = false
  #error: Error | undefined

  /** @param socket a connected one; whoever feeds `onBytes` keeps reading from it */
  constructor(socket: Socket, remote: Endpoint) {
    this.#socket = socket
    this.remote = remote
    socket.on('error', (error) => (this.#error = error))
    socket.on('close', () => this.#onClose())
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** What the socket read; a view that is gone when this returns. */
  onBytes(chunk: Uint8Array): void {
    if (!this.#isClosed) this.handler.onData(chunk)
  }

  write(data: Uint8Array, done?: () => void): void {
    if (this.#isClosed) {
      if (done) process.nextTick(done)
      return
    }
    if (this.#open === undefined) {
      this.#open = { chunks: [], dones: [], bytes: 0 }
      process.nextTick(() => this.#flush())
    }
    this.#open.chunks.push(data)
    this.#open.bytes += data.length
    this.#queuedBytes += data.length
    if (done) this.#open.dones.push(done)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #flush(): void {
    const batch = this.#open
    this.#open = undefined
    if (batch === undefined) return // closed meanwhile
    this.#sent.push(batch)
    if (this.#socket.destroyed) return // `close` is on its way and settles it
    const last = batch.chunks.length - 1
    this.#socket.cork()
    for (let i = 0; i < last; i++) this.#socket.write(forSocket(batch.chunks[i]!))
    this.#socket.write(forSocket(batch.chunks[last]!), (error) => {
      if (!error) this.#onSent()
    })
    this.#socket.uncork()
  }

  /** The oldest batch has reached the kernel: batches complete in order. */
  #onSent(): void {
    const batch = this.#sent.shift()
    if (batch === undefined) return // closed meanwhile
    this.#queuedBytes -= batch.bytes
    for (const done of batch.dones) done()
    if (this.#queuedBytes === 0 && !this.#isClosed) this.handler.onDrain()
  }

  #onClose(): void {
    this.#isClosed = true
    this.#queuedBytes = 0
    const unsent = this.#open ? [...this.#sent, this.#open] : [...this.#sent]
    this.#open = undefined
    this.#sent.length = 0
    for (const batch of unsent) for (const done of batch.dones) done()
    const handler = this.handler
    this.handler = NOBODY
    handler.onClose(this.#error && this.#asOurs(this.#error))
  }

  #asOurs(error: Error): TransportError {
    return connectionError(error, `connection with ${formatEndpoint(this.remote)} broke`)
  }
}

/**
 * V8 keeps small arrays, such as the header of each block, on its heap, and moves each to memory of its own once a socket
 * looks at it. So they are copied into Node's slab instead.
 */
function forSocket(bytes: Uint8Array): Uint8Array {
  return bytes.length <= MAX_SMALL_BYTES ? Buffer.from(bytes) : bytes
}
