/** Byte streams between simulated hosts: rates, latency, buffers, resets and partitions, under a virtual clock. */
import { formatEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import { TransportError } from '../../protocol/errors.ts'
import type { ByteStream, Cancel, Dialer, Listener, Millis, Random } from '../../protocol/ports.ts'
import type { SimClock } from './clock.ts'
import { SimLink } from './link.ts'
import { SimStream } from './stream.ts'

export interface SimStreamsOptions {
  readonly clock: SimClock
  readonly random: Random
  /** One way, between any two hosts; 1 ms when missing. */
  readonly latency?: Millis
}

export interface HostRates {
  /** Bytes a second that the host can send; no limit when missing. */
  readonly up?: number
  /** Bytes a second that the host can receive; no limit when missing. */
  readonly down?: number
}

/** Source ports of outgoing connections, as a kernel would assign them. */
const FIRST_EPHEMERAL_PORT = 49_152

/** A network of hosts. The same seed gives the same run. */
export class SimStreams {
  readonly clock: SimClock
  readonly random: Random
  /** One way. */
  readonly latency: Millis
  readonly #partitions = new Set<string>()
  readonly #hosts = new Map<string, SimHost>()
  readonly #streams = new Set<SimStream>()

  constructor({ clock, random, latency = 1 }: SimStreamsOptions) {
    this.clock = clock
    this.random = random
    this.latency = latency
  }

  /** Adds a host with an address of its own. */
  host(address: string, rates: HostRates = {}): SimHost {
    const host = new SimHost(this, address, rates)
    this.#hosts.set(address, host)
    return host
  }

  hostAt(address: string): SimHost | undefined {
    return this.#hosts.get(address)
  }

  /** Nothing passes between two hosts until {@link heal}; nobody is told, dials time out. */
  partition(a: string, b: string): void {
    this.#partitions.add(pairKey(a, b))
  }

  /** Delivers what was held up. */
  heal(a: string, b: string): void {
    this.#partitions.delete(pairKey(a, b))
    for (const stream of this.#streams) stream.wake()
  }

  isPartitioned(a: string, b: string): boolean {
    return this.#partitions.size > 0 && this.#partitions.has(pairKey(a, b))
  }

  /** Breaks every connection between two hosts: both ends see `net.reset`. */
  reset(a: string, b: string): void {
    for (const stream of this.#streams)
      if (stream.host.address === a && stream.remote.host === b) stream.reset()
  }

  /** Connections that are open, each end counted. */
  get streamCount(): number {
    return this.#streams.size
  }

  /** @internal Joins two ends; the dialling one is returned. */
  connect(from: SimHost, to: SimHost, port: number): readonly [dialled: SimStream, accepted: SimStream] {
    const local: Endpoint = { host: from.address, port: from.ephemeralPort() }
    const onGone = (stream: SimStream): void => {
      this.#streams.delete(stream)
    }
    const dialled = new SimStream(this, { host: from, remote: { host: to.address, port }, onGone })
    const accepted = new SimStream(this, { host: to, remote: local, onGone })
    dialled.join(accepted)
    accepted.join(dialled)
    this.#streams.add(dialled).add(accepted)
    return [dialled, accepted]
  }
}

/** One machine: a dialer, and listeners on its ports. */
export class SimHost implements Dialer {
  readonly address: string
  readonly up: SimLink
  readonly down: SimLink
  readonly #net: SimStreams
  readonly #listeners = new Map<number, SimListener>()
  #nextPort = FIRST_EPHEMERAL_PORT

  constructor(net: SimStreams, address: string, rates: HostRates) {
    this.#net = net
    this.address = address
    this.up = new SimLink(net.clock, rates.up ?? Infinity)
    this.down = new SimLink(net.clock, rates.down ?? Infinity)
  }

  /**
   * @param port 0 for a free one
   * @throws {TransportError} `net.address-in-use`
   */
  listen(port: number): Listener {
    const bound = port === 0 ? this.ephemeralPort() : port
    if (this.#listeners.has(bound))
      throw new TransportError('net.address-in-use', `${this.address}:${bound} is taken`)
    const listener = new SimListener({ host: this.address, port: bound }, () => this.#listeners.delete(bound))
    this.#listeners.set(bound, listener)
    return listener
  }

  dial(to: Endpoint, timeout: Millis, onResult: (result: ByteStream | TransportError) => void): Cancel {
    const net = this.#net
    const where = formatEndpoint(to)
    const roundTrip = 2 * net.latency
    const answer = (): void => {
      const host = net.hostAt(to.host)
      const listener = host?.listenerAt(to.port)
      if (host === undefined) return onResult(new TransportError('net.unreachable', `no route to ${where}`))
      if (listener === undefined)
        return onResult(new TransportError('net.refused', `nobody listens at ${where}`))
      const [dialled, accepted] = net.connect(this, host, to.port)
      listener.onStream(accepted)
      onResult(dialled)
    }
    const isLost = net.isPartitioned(this.address, to.host) || roundTrip > timeout
    if (!isLost) return net.clock.after(roundTrip, answer)
    return net.clock.after(timeout, () =>
      onResult(new TransportError('net.timeout', `${where} did not answer within ${timeout} ms`)),
    )
  }

  listenerAt(port: number): SimListener | undefined {
    return this.#listeners.get(port)
  }

  ephemeralPort(): number {
    while (this.#listeners.has(this.#nextPort)) this.#nextPort++
    return this.#nextPort++
  }
}

class SimListener implements Listener {
  readonly local: readonly Endpoint[]
  onStream: (stream: ByteStream) => void = (stream) => stream.destroy()
  readonly #onClose: () => void

  constructor(local: Endpoint, onClose: () => void) {
    this.local = [local]
    this.#onClose = onClose
  }

  close(): void {
    this.#onClose()
  }
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
