/** What a process gets from its machine: timers, connections and sockets, which end with it as under a kernel. */
import { WireDecoder } from '../../../protocol/decoder.ts'
import { HANDSHAKE_LENGTH } from '../../../protocol/handshake.ts'
import type { Endpoint } from '../../../protocol/endpoint.ts'
import { TransportError } from '../../../protocol/errors.ts'
import type { WireMessage } from '../../../protocol/message.ts'
import type {
  ByteStream,
  Cancel,
  AlarmClock,
  Datagrams,
  Dialer,
  Listener,
  Millis,
  MulticastGroup,
  StreamHandler,
} from '../../../protocol/ports.ts'
import type { SimDatagramNetwork } from '../datagram-network.ts'
import type { SimHost } from '../stream-network.ts'
import type { SimLan } from './lan.ts'
import { TimerAlarm } from '../../../protocol/timer-alarm.ts'
import type { MachineClock } from './machine-clock.ts'

export interface ProcessOptions {
  readonly clock: MachineClock
  readonly host: SimHost
  readonly datagrams: SimDatagramNetwork
  readonly lan: SimLan
  /** Nothing passes between the machine and that address now. */
  readonly isCutOff: (from: string) => boolean
  /** It hands bytes to the network. */
  readonly onWrite: (to: string, bytes: number) => void
  /** A message of the peer protocol is among them. What it views is valid during the call. */
  readonly onSent: (to: string, message: WireMessage) => void
}

/** Common to sockets of all kinds. */
type Hearing = Pick<Datagrams, 'onDatagram' | 'close'>

const DEAF: StreamHandler = { onData() {}, onDrain() {}, onClose() {} }

export class SimProcess implements Dialer {
  readonly clock: AlarmClock
  readonly options: ProcessOptions
  readonly #streams = new Set<ProcessStream>()
  #listener: Listener | undefined
  readonly #sockets = new Set<Hearing>()
  #timers = 0
  #isDead = false

  constructor(options: ProcessOptions) {
    const { clock } = options
    this.options = options
    this.clock = {
      now: () => clock.now(),
      wallNow: () => clock.wallNow(),
      after: (delay, fn) => this.#after(delay, fn),
      alarm: (fn) => new TimerAlarm(this.clock, fn),
    }
  }

  /** Pending timers. */
  get timerCount(): number {
    return this.#timers
  }

  /** Connections that have not ended. */
  get streamCount(): number {
    return this.#streams.size
  }

  /** UDP sockets that are not closed. */
  get socketCount(): number {
    return this.#sockets.size
  }

  dial(to: Endpoint, timeout: Millis, onResult: (result: ByteStream | TransportError) => void): Cancel {
    let isCancelled = false
    const cancel = this.options.host.dial(to, timeout, (result) => {
      if (result instanceof TransportError)
        return this.run(() => {
          if (!isCancelled) onResult(result)
        })
      if (this.#isDead) return result.destroy()
      const stream = new ProcessStream(this, result)
      this.run(() => (isCancelled ? stream.destroy() : onResult(stream)))
    })
    return () => {
      isCancelled = true
      cancel()
    }
  }

  listen(port: number): Listener {
    const { host } = this.options
    const inner = host.listen(port)
    const listener: Listener = {
      local: inner.local,
      onStream: (stream) => stream.destroy(),
      close: () => inner.close(),
    }
    inner.onStream = (accepted) => {
      const stream = new ProcessStream(this, accepted)
      this.run(() => listener.onStream(stream))
    }
    this.#listener = inner
    return listener
  }

  joinGroup(group: Endpoint): MulticastGroup {
    const { host, lan } = this.options
    const inner = lan.join(host.address, group)
    const send = (data: Uint8Array): void => inner.send(data)
    return this.#own(inner, { group, send, onInterface() {}, onFailed() {} })
  }

  /** @param port a free one when missing */
  bindUdp(port?: number): Datagrams {
    const { host, datagrams, isCutOff, onWrite } = this.options
    const inner = datagrams.bind({ host: host.address, port: port ?? host.ephemeralPort() })
    const send = (data: Uint8Array, to: Endpoint): void => {
      onWrite(to.host, data.length)
      if (!isCutOff(to.host)) inner.send(data, to)
    }
    return this.#own(inner, { local: inner.local, send })
  }

  /** A socket that ends with the process and delivers only while it runs. */
  #own<Rest extends object>(inner: Hearing, rest: Rest): Rest & Hearing {
    const socket: Rest & Hearing = {
      ...rest,
      onDatagram: () => {},
      close: () => {
        inner.close()
        this.#sockets.delete(socket)
      },
    }
    inner.onDatagram = (data, from) => this.run(() => socket.onDatagram(data, from))
    this.#sockets.add(socket)
    return socket
  }

  /** Ends everything at once. The other ends learn of it as far as the network lets them. */
  kill(): void {
    this.#isDead = true
    this.#listener?.close()
    for (const stream of this.#streams) stream.destroy()
    this.#streams.clear()
    for (const socket of this.#sockets) socket.close()
  }

  /** For what the outside world has to say to it. */
  run(fn: () => void): void {
    this.options.clock.whenAwake(() => {
      if (!this.#isDead) fn()
    })
  }

  #after(delay: Millis, fn: () => void): Cancel {
    let isWaiting = true
    const stopWaiting = (): void => {
      if (isWaiting) this.#timers--
      isWaiting = false
    }
    this.#timers++
    const cancel = this.options.clock.after(delay, () => {
      stopWaiting()
      if (!this.#isDead) fn()
    })
    return () => {
      stopWaiting()
      cancel()
    }
  }

  onOpened(stream: ProcessStream): void {
    this.#streams.add(stream)
  }

  onClosed(stream: ProcessStream): void {
    this.#streams.delete(stream)
  }
}

/** A connection of a process. What goes out is read along. */
class ProcessStream implements ByteStream, StreamHandler {
  handler: StreamHandler = DEAF
  readonly #process: SimProcess
  readonly #inner: ByteStream
  readonly #sent = new WireDecoder()
  /** Of the handshake, which is no message yet. */
  #bytesToSkip = HANDSHAKE_LENGTH

  constructor(process: SimProcess, inner: ByteStream) {
    this.#process = process
    this.#inner = inner
    inner.handler = this
    process.onOpened(this)
  }

  get remote(): Endpoint {
    return this.#inner.remote
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes
  }

  write(data: Uint8Array, done?: () => void): void {
    const { onSent, onWrite } = this.#process.options
    const to = this.remote.host
    onWrite(to, data.length)
    const skipped = Math.min(this.#bytesToSkip, data.length)
    this.#bytesToSkip -= skipped
    this.#sent.push(data.subarray(skipped), (message) => onSent(to, message))
    this.#inner.write(data, done && (() => this.#process.run(done)))
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  destroy(): void {
    this.#inner.destroy()
  }

  onData(chunk: Uint8Array): void {
    this.#process.run(() => this.handler.onData(chunk))
  }

  onDrain(): void {
    this.#process.run(() => this.handler.onDrain())
  }

  onClose(error?: TransportError): void {
    this.#process.onClosed(this)
    this.#process.run(() => this.handler.onClose(error))
  }
}
