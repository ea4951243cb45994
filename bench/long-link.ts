/** A proxy that acts as a long link: limited bytes per second in each direction, all of them delayed. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Bytes that the router may buffer. Beyond that the sender has to wait. */
const BUFFER_MS = 100
/** Until so many bytes have arrived, only handshakes have. */
const FIRST_BYTES = 131_072
const PUMP_INTERVAL_MS = 1

export interface LongLinkOptions {
  /** `host:port` of the other end. */
  readonly to: string
  /** One way. */
  readonly delayMs: number
  /** Of each direction. */
  readonly bytesPerSecond: number
}

type LaneOptions = Omit<LongLinkOptions, 'to'> & { readonly onDelivered?: (bytes: number) => void }

export class LongLink {
  /** What came from the other end. */
  readonly delivered = new Deliveries()
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #lanes = new Set<Lane>()

  private constructor({ to, ...lane }: LongLinkOptions) {
    const [host, port] = to.split(':')
    this.#server = createServer((near) => {
      const far = connect(Number(port), host!)
      this.#join(near, new Lane(near, far, lane))
      this.#join(far, new Lane(far, near, { ...lane, onDelivered: (bytes) => this.delivered.add(bytes) }))
    })
  }

  static async listen(host: string, options: LongLinkOptions): Promise<LongLink> {
    const link = new LongLink(options)
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject).listen(0, host, resolve)
    })
    return link
  }

  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return `${address}:${port}`
  }

  close(): void {
    this.#server.close()
    for (const lane of this.#lanes) lane.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(socket: Socket, lane: Lane): void {
    this.#sockets.add(socket)
    this.#lanes.add(lane)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
  }
}

/** One direction of one connection. */
class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #options: LaneOptions
  readonly #timer: NodeJS.Timeout
  #underWay: { readonly at: number; readonly chunk: Buffer }[] = []
  /** When the last byte has left the router. */
  #freeAt = 0

  constructor(from: Socket, to: Socket, options: LaneOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    this.#timer = setInterval(() => this.#deliver(), PUMP_INTERVAL_MS)
    from.on('data', (chunk) => this.#accept(chunk))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #accept(chunk: Buffer): void {
    const { delayMs, bytesPerSecond } = this.#options
    this.#freeAt = Math.max(performance.now(), this.#freeAt) + (1_000 * chunk.length) / bytesPerSecond
    this.#underWay.push({ at: this.#freeAt + delayMs, chunk })
    if (this.#isFull) this.#from.pause()
  }

  #deliver(): void {
    const now = performance.now()
    const pending = this.#underWay.findIndex(({ at }) => at > now)
    for (const { chunk } of this.#underWay.splice(0, pending < 0 ? this.#underWay.length : pending)) {
      this.#to.write(chunk)
      this.#options.onDelivered?.(chunk.length)
    }
    if (this.#from.isPaused() && !this.#isFull) this.#from.resume()
  }

  get #isFull(): boolean {
    return this.#freeAt - performance.now() > BUFFER_MS
  }
}

/** Bytes that arrived, and when. */
class Deliveries {
  readonly #arrivals: { readonly at: number; readonly bytes: number }[] = []
  bytes = 0

  add(bytes: number): void {
    this.bytes += bytes
    this.#arrivals.push({ at: performance.now(), bytes: this.bytes })
  }

  /** Bytes per second, from so long after the first block until the last byte. */
  rateAfter(milliseconds: number): number {
    const first = this.#arrivals.find(({ bytes }) => bytes >= FIRST_BYTES)
    const last = this.#arrivals.at(-1)
    if (first === undefined || last === undefined) throw new Error('nothing went over the link')
    const start = this.#arrivals.find(({ at }) => at >= first.at + milliseconds)
    if (start === undefined || start === last) throw new Error(`it was over within ${milliseconds / 1_000} s`)
    return (1_000 * (last.bytes - start.bytes)) / (last.at - start.at)
  }
}
