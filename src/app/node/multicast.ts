/** Multicast groups on every interface, by `dgram`. */
import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { canonicalIp, familyOf, formatEndpoint, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import type { TransportError } from '../../protocol/errors.ts'
import type { MulticastGroup } from '../../protocol/ports.ts'
import { errnoOf } from '../../storage/fs/errno.ts'
import { listenError } from './network-error.ts'
import { plain } from './plain-bytes.ts'

/** Routers that a datagram may pass: the groups have site scope, and most networks route no multicast at all. */
const TTL = 4
/** How often the machine's interfaces are looked at. */
const INTERFACE_CHECK_MS = 10_000
/** Datagrams that wait until the sockets are bound; further ones are lost. */
export const MAX_EARLY = 64
/** Errors of a machine without the address family. */
const NO_FAMILY = new Set(['EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'])

/** Joins on the interfaces that are up and, with each datagram sent, on those that have come up since. */
export function joinGroup(group: Endpoint): MulticastGroup {
  return new SystemGroup(group)
}

class SystemGroup implements MulticastGroup {
  readonly group: Endpoint
  onDatagram: (data: Uint8Array, from: Endpoint) => void = () => {}
  onInterface: () => void = () => {}
  onFailed: (error: TransportError) => void = () => {}
  readonly #family: Family
  /**
   * Bound to the group's own address, so that nothing else comes in: a distant host could send to us, but not to the group.
   * Nothing is sent through it, because on some systems that would carry the group's address as its source.
   */
  readonly #receiver: Socket
  readonly #sender: Socket
  readonly #joined = new Set<string>()
  #timer: ReturnType<typeof setInterval> | undefined
  /** How many of both are. */
  #bound = 0
  #isClosed = false
  /** Datagrams sent before the socket was bound. */
  #early: Buffer[] = []

  constructor(group: Endpoint) {
    this.group = group
    this.#family = familyOf(group.host)
    const type = { type: this.#family === 4 ? 'udp4' : 'udp6', ipv6Only: this.#family === 6 } as const
    // Others on this machine listen to the same group: each gets every datagram.
    this.#receiver = createSocket({ ...type, reuseAddr: true })
    this.#sender = createSocket(type)
    for (const socket of [this.#receiver, this.#sender]) {
      socket.on('error', (error) => this.#onError(error))
      socket.on('listening', () => this.#onBound())
    }
    this.#receiver.on('message', (data, from) => {
      const host = canonicalIp(from.address)
      if (!this.#isClosed && host !== undefined) this.onDatagram(plain(data), { host, port: from.port })
    })
    this.#receiver.bind(group.port, group.host)
    this.#sender.bind()
  }

  send(data: Uint8Array): void {
    if (this.#isClosed) return
    const copy = Buffer.from(data)
    if (this.#isBound) this.#sendOnAll(copy)
    else if (this.#early.length < MAX_EARLY) this.#early.push(copy)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#early = []
    clearInterval(this.#timer)
    this.#closeSockets()
  }

  get #isBound(): boolean {
    return this.#bound === 2
  }

  #onBound(): void {
    this.#bound++
    if (this.#isClosed || !this.#isBound) return
    try {
      this.#sender.setMulticastTTL(TTL)
      this.#sender.setMulticastLoopback(true)
    } catch (error) {
      return this.#fail(error as Error) // a sandbox without multicast
    }
    this.#join()
    for (const data of this.#early.splice(0)) this.#sendOnAll(data)
    // A cable or a wireless network may come later: Linux reports an interface as up before it works.
    this.#timer = setInterval(() => {
      if (this.#join()) this.onInterface()
    }, INTERFACE_CHECK_MS).unref()
  }

  #onError(error: Error): void {
    if (!this.#isClosed && !this.#isBound) this.#fail(error)
  }

  #fail(error: Error): void {
    this.#isClosed = true
    this.#early = []
    this.#closeSockets()
    // A family that does not exist is no failure.
    if (!NO_FAMILY.has(errnoOf(error))) this.onFailed(listenError(error, formatEndpoint(this.group)))
  }

  #closeSockets(): void {
    this.#receiver.close()
    this.#sender.close()
  }

  #sendOnAll(data: Buffer): void {
    this.#join()
    for (const address of this.#joined) {
      try {
        this.#sender.setMulticastInterface(address)
        // Without a callback Node ignores errors of single interfaces; the others get their datagram.
        this.#sender.send(data, this.group.port, this.group.host)
      } catch {
        // The interface is gone; when it is back, it is joined again.
        this.#joined.delete(address)
      }
    }
  }

  /** On the interfaces that were not there before. @returns whether there was one */
  #join(): boolean {
    const before = this.#joined.size
    for (const address of interfacesOf(this.#family)) {
      if (this.#joined.has(address)) continue
      try {
        this.#receiver.addMembership(this.group.host, address)
        this.#joined.add(address)
      } catch (error) {
        // It may have been joined under another address of the same interface; other interfaces support no multicast.
        if (errnoOf(error) === 'EADDRINUSE') this.#joined.add(address)
      }
    }
    return this.#joined.size > before
  }
}

/** The form that `dgram` wants: an address for IPv4, `::%eth0` for IPv6. */
function interfacesOf(family: Family): string[] {
  const names = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter((address) => address.family === `IPv${family}`)
      .map(({ address }) => (family === 4 ? address : `::%${name}`)),
  )
  return [...new Set(names)]
}
