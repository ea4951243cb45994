/** Dialling and listening over TCP. */
import { connect, createServer, isIP } from 'node:net'
import type { OnReadOpts, Server } from 'node:net'
import { canonicalIp, familyOf, formatEndpoint } from '../../protocol/endpoint.ts'
import type { Endpoint, Family } from '../../protocol/endpoint.ts'
import { TransportError } from '../../protocol/errors.ts'
import type { ByteStream, Cancel, Dialer, Listener, Millis } from '../../protocol/ports.ts'
import { readingInto } from './accepted-socket.ts'
import { bindAll } from './bind.ts'
import type { Bound } from './bind.ts'
import { connectionError } from './network-error.ts'
import { TcpStream } from './tcp-stream.ts'

/**
 * Bytes of the one buffer into which all connections of a dialer, or of a listener, read. They can share it because the event
 * loop reads one socket at a time and `handler.onData` is done with the bytes when it returns; so an idle connection
 * costs no buffer.
 */
const READ_BUFFER_BYTES = 256 * 1024

/** The kernel probes quiet connections after this, so that a vanished machine is noticed. */
const KEEP_ALIVE_MS = 60_000

const SOCKET_OPTIONS = {
  allowHalfOpen: false,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
} as const

export class TcpDialer implements Dialer {
  readonly #source: string | undefined
  readonly #readBuffer = new Uint8Array(READ_BUFFER_BYTES)

  /** @param source the local IP of connections of its family; the system chooses without one */
  constructor(source?: string) {
    this.#source = source
  }

  /** `to.host` must be an IP literal: names are the resolver's business. */
  dial(to: Endpoint, timeout: Millis, onResult: (result: ByteStream | TransportError) => void): Cancel {
    const what = `connection to ${formatEndpoint(to)} failed`
    if (isIP(to.host) === 0) {
      const timer = setTimeout(
        onResult,
        0,
        new TransportError('net.unresolved', `${what}: not an IP address`),
      )
      return () => clearTimeout(timer)
    }
    const family = familyOf(to.host)
    let stream: TcpStream | undefined
    const socket = connect({
      ...SOCKET_OPTIONS,
      host: to.host,
      port: to.port,
      family,
      ...(this.#source !== undefined && familyOf(this.#source) === family && { localAddress: this.#source }),
      onread: reader(this.#readBuffer, () => stream),
    })
    const timer = setTimeout(() => {
      end()
      onResult(new TransportError('net.timeout', `${what}: no answer within ${timeout / 1_000} s`))
    }, timeout)
    const onError = (error: Error): void => {
      end()
      onResult(connectionError(error, what))
    }
    const onConnect = (): void => {
      clearTimeout(timer)
      stream = new TcpStream(socket, to)
      socket.off('error', onError)
      onResult(stream)
    }
    const end = (): void => {
      clearTimeout(timer)
      socket.off('connect', onConnect)
      socket.off('error', onError)
      socket.on('error', () => {}) // the verdict is spoken; what the dying socket adds changes nothing
      socket.destroy()
    }
    socket.once('connect', onConnect)
    socket.once('error', onError)
    return () => {
      if (stream === undefined) end()
    }
  }
}

/**
 * Listens on an address as `-tcp-listen` takes it (see {@link bindAll}).
 *
 * @param maxAccepted connections at once, per family; beyond that the kernel shakes hands, and they are dropped
 * @throws {TransportError} `net.address-in-use` or `net.listen`
 */
export async function listenTcp(address: string, maxAccepted: number): Promise<Listener> {
  const servers = await bindAll(address, (host, port, family) =>
    bindServer({ host, port }, family, maxAccepted),
  )
  const listener: Listener = {
    local: servers.map(({ local }) => local),
    onStream: (stream) => stream.destroy(),
    close: () => {
      for (const server of servers) server.close()
    },
  }
  for (const server of servers) server.onStream = (stream) => listener.onStream(stream)
  return listener
}

/** Passes what a socket reads into `buffer` to its stream, once there is one. */
function reader(buffer: Uint8Array, streamOf: () => TcpStream | undefined): OnReadOpts {
  return {
    buffer,
    callback: (length, bytes) => {
      streamOf()?.onBytes(bytes.subarray(0, length))
      return true
    },
  }
}

interface BoundServer extends Bound {
  onStream: (stream: ByteStream) => void
}

function bindServer({ host, port }: Endpoint, family: Family, maxAccepted: number): Promise<BoundServer> {
  return new Promise((resolve, reject) => {
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true })
    const readBuffer = new Uint8Array(READ_BUFFER_BYTES)
    server.maxConnections = maxAccepted
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: family === 6 }, () => {
      server.off('error', reject)
      server.on('error', () => {}) // a failed accept (another process has the last descriptor): the connection is lost, the listener is not
      const bound: BoundServer = {
        local: localOf(server),
        onStream: (stream) => stream.destroy(),
        close: () => server.close(),
      }
      server.on('connection', (socket) => {
        const { remoteAddress, remotePort: port } = socket
        const host = canonicalIp(remoteAddress ?? '')
        if (host === undefined || port === undefined) {
          socket.on('error', () => {})
          socket.destroy() // gone before we looked
          return
        }
        const onread = reader(readBuffer, () => stream)
        const stream = new TcpStream(readingInto(socket, onread), { host, port })
        bound.onStream(stream)
      })
      resolve(bound)
    })
  })
}

function localOf(server: Server): Endpoint {
  const { address, port } = server.address() as { address: string; port: number }
  return { host: canonicalIp(address) ?? address, port }
}
