/** UDP sockets, one per address family. */
import { createSocket } from 'node:dgram'
import { canonicalIp, familyOf } from '../../protocol/endpoint.ts'
import type { Endpoint, Family } from '../../protocol/endpoint.ts'
import type { Datagrams } from '../../protocol/ports.ts'
import { ReusedBytes } from '../../protocol/reused-bytes.ts'
import { bindAll } from './bind.ts'
import { plain } from './plain-bytes.ts'

/** Datagrams waiting in the process for a full socket; further ones are dropped. */
const MAX_SEND_QUEUE = 1_000

/** Bytes of a datagram that is left to the garbage collector; the memory of a longer one is freed at once. */
const MAX_GARBAGE_BYTES = 4_096

/** Longer ones have memory of their own. */
const MAX_REUSED_BYTES = 1_500

/** Bytes that the kernel may hold for us while the event loop is busy, as far as its own limit allows. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024

/** Datagrams that may wait for the end of their turn of the event loop, in either direction. libuv takes 32 from a socket in one turn. */
const MAX_WAITING = 64

/** A datagram as Node delivers it. */
interface Arrival {
  readonly data: Buffer
  readonly address: string
  readonly port: number
}

/** A datagram on its way to Node. */
interface Departure extends Endpoint {
  /** Valid until the next one takes its place. */
  readonly data: Uint8Array
}

/** One for all sockets, because each datagram is done with before the next one is handled. */
const incoming = new ReusedBytes(MAX_REUSED_BYTES)

export class UdpSocket implements Datagrams {
  onDatagram: (data: Uint8Array, from: Endpoint) => void = () => {}
  readonly #socket: ReturnType<typeof createSocket>
  readonly #family: Family
  #isClosed = false
  /**
   * The datagrams of this turn of the event loop are handled at its end, and the answers to them sent after that: code that has
   * just run for one datagram is in the processor's caches for the next. Handled one by one, pings take 8 % longer, and answered
   * one by one 4 % more.
   */
  readonly #waiting: Arrival[] = []
  readonly #leaving: Departure[] = []
  readonly #onTurn = (): void => this.#hear()
  /** Until then, Node itself queues what it is given. */
  #isBound: boolean
  /** Datagrams that waited for the kernel after the last send. */
  #queued = 0
  /** For datagrams that the kernel takes at once, which is nearly always; as many as ever left together. */
  #outgoing: ReusedBytes[] = []
  /** Datagrams dropped for a full queue. */
  dropped = 0

  /** @param socket one of `family`; if it is not bound, the first datagram binds it */
  constructor(socket: ReturnType<typeof createSocket>, family: Family) {
    this.#socket = socket
    this.#family = family
    this.#isBound = this.local.port !== 0
    if (!this.#isBound) socket.once('listening', () => (this.#isBound = true))
    // Node delivers whole datagrams of up to 64 KiB, so that one above the protocol's limit is recognised.
    socket.on('message', (data, { address, port }) => {
      const waiting = this.#waiting.push({ data, address, port })
      if (waiting === 1) setImmediate(this.#onTurn)
      else if (waiting === MAX_WAITING) this.#hear()
    })
    socket.on('error', () => {}) // an ICMP answer to something we sent: datagrams may get lost
  }

  /** Port 0 while it is not bound. */
  get local(): Endpoint {
    try {
      const { address, port } = this.#socket.address()
      return { host: canonicalIp(address) ?? address, port }
    } catch {
      return { host: this.#family === 4 ? '0.0.0.0' : '::', port: 0 }
    }
  }

  send(data: Uint8Array, { host, port }: Endpoint): void {
    if (this.#isClosed || port === 0 || familyOf(host) !== this.#family) return
    if (this.#queued > 0) this.#queued = this.#socket.getSendQueueCount()
    if (this.#queued > MAX_SEND_QUEUE) {
      this.dropped++
      return
    }
    // The caller may reuse `data`, and so may we the copy of it, unless it has to wait for the kernel.
    if (this.#isBound && this.#queued === 0 && data.length <= MAX_REUSED_BYTES) {
      const held = (this.#outgoing[this.#leaving.length] ??= new ReusedBytes(MAX_REUSED_BYTES))
      const leaving = this.#leaving.push({ data: held.hold(data), host, port })
      if (this.#waiting.length === 0 || leaving === MAX_WAITING) this.#sendLeaving()
    } else {
      this.#socket.send(data.slice(), port, host)
      this.#queued = this.#socket.getSendQueueCount()
    }
  }

  /** Without a callback Node keeps failures (EPERM, ENOBUFS, EMSGSIZE, ECONNREFUSED) to itself: a datagram may get lost. */
  #sendLeaving(): void {
    if (this.#leaving.length === 0) return
    for (const { data, host, port } of this.#leaving) this.#socket.send(data, port, host)
    this.#leaving.length = 0
    this.#queued = this.#socket.getSendQueueCount()
    if (this.#queued > 0) this.#outgoing = []
  }

  #hear(): void {
    for (const { data, address, port } of this.#waiting) {
      if (this.#isClosed) break
      // The system prints IPv4 canonically; of IPv6 there are several spellings.
      const host = this.#family === 4 ? address : canonicalIp(address)
      const held = data.length > MAX_REUSED_BYTES ? plain(data) : incoming.hold(data)
      if (host !== undefined) this.onDatagram(held, { host, port })
      if (data.length > MAX_GARBAGE_BYTES) release(data)
    }
    this.#waiting.length = 0
    this.#sendLeaving()
  }

  close(): void {
    if (this.#isClosed) return
    this.#sendLeaving()
    this.#isClosed = true
    this.#socket.close()
  }
}

/**
 * Binds an address as `-dht-listen` takes it (see {@link bindAll}): one socket per family.
 *
 * @throws {TransportError} `net.address-in-use` or `net.listen`
 */
export function bindUdp(address: string): Promise<UdpSocket[]> {
  return bindAll(address, bindSocket)
}

/**
 * A socket for requests: the first datagram binds it to a free port, at the address `source` if given.
 */
export function openUdp(family: Family, source?: string): UdpSocket {
  const socket = unbound(family)
  if (source !== undefined && familyOf(source) === family) socket.bind({ address: source, exclusive: true })
  return new UdpSocket(socket, family)
}

/** A storm of the longest datagrams makes garbage faster than it is collected: 90 MiB were seen. */
function release({ buffer, length }: Buffer): void {
  if (length === buffer.byteLength) (buffer as ArrayBuffer).transfer(0)
}

function unbound(family: Family): ReturnType<typeof createSocket> {
  return createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    // Hosts are IP literals. Node's default would still defer each send to a later tick.
    lookup: (name, _options, found) => found(null, name, family),
  })
}

function bindSocket(host: string, port: number, family: Family): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = unbound(family)
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners('error')
      try {
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
      } catch {
        // Best effort: the kernel's default will do.
      }
      resolve(new UdpSocket(socket, family))
    })
  })
}
