/** A machine of the simulated swarm: a disk that outlives its processes, and the node that currently runs on it. */
import { FileMap } from '../../../storage/file-map.ts'
import type { MemoryDisk } from '../../../storage/memory-disk.ts'
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import { formatEndpoint } from '../../../protocol/endpoint.ts'
import type { WireMessage } from '../../../protocol/message.ts'
import type { Clock, Hashes, HttpClient, Millis, Random } from '../../../protocol/ports.ts'
import type { Environment } from '../../environment.ts'
import { Node, type NodeOwnEvent } from '../../node.ts'
import type { Session } from '../../session.ts'
import type { PayloadOptions, SessionEvent } from '../../session-options.ts'
import type { SimDatagramNetwork } from '../datagram-network.ts'
import { simEnvironment } from '../environment.ts'
import { SimStateStore } from '../state-store.ts'
import type { SimHost } from '../stream-network.ts'
import type { SimLan } from './lan.ts'
import type { MachineClock } from './machine-clock.ts'
import { SimProcess } from './process.ts'
import type { MachinePlan, Meeting } from './scenario.ts'
import { HTTP_TRACKER } from './tracker.ts'
import { UDP_TRACKER } from './udp-tracker.ts'

export type MachineEvent = NodeOwnEvent | SessionEvent

/** Watches the machine. */
export interface MachineObserver {
  onEvent(machine: Machine, event: MachineEvent): void
  onWrite(machine: Machine, to: string, bytes: number): void
  onSent(machine: Machine, to: string, message: WireMessage): void
  /** It has no process now. */
  onDown(machine: Machine, how: Ending): void
}

export type Ending = 'kill' | 'power' | 'exit'

export interface MachineOptions {
  readonly index: number
  readonly plan: MachinePlan
  readonly host: SimHost
  readonly datagrams: SimDatagramNetwork
  readonly lan: SimLan
  /** Nothing passes between it and that address now. */
  readonly isCutOff: (from: string) => boolean
  readonly clock: MachineClock
  readonly disk: MemoryDisk
  readonly random: Random
  readonly hashes: Hashes
  /** Web servers, for a process with this clock. */
  readonly openHttp: (clock: Clock) => HttpClient
  readonly metainfo: Metainfo
  /** Path of the payload. */
  readonly path: string
  /** Addresses that it is given. */
  readonly knows: readonly string[]
  readonly meeting: Meeting
  /** It is given only the info hash. */
  readonly hasLink: boolean
  readonly observer: MachineObserver
}

const PORT = 6881
const DHT_PORT = 6882
const NAMED_TRACKERS: Partial<Record<Meeting, readonly string[]>> = {
  'http-tracker': [HTTP_TRACKER],
  'udp-tracker': [UDP_TRACKER],
}
/** A process that was asked to stop does so within this time, or is killed. */
export const STOP_TIMEOUT: Millis = 5_000

export class Machine {
  readonly options: MachineOptions
  readonly files: FileMap
  /** Whether its user passes `-overwrite`: of a damaged payload there may be nothing left by which to recognise it. */
  mayOverwrite = false
  // All undefined while the machine is down.
  #process: SimProcess | undefined
  #node: Node | undefined
  #session: Session | undefined
  /** The node that was asked to stop. */
  #stopping: Node | undefined
  #isClosed = false
  #lives = 0
  /** The saved state of its DHT node, by file name. */
  readonly #states = new Map<string, SimStateStore>()

  constructor(options: MachineOptions) {
    const { metainfo, path } = options
    this.options = options
    this.files = new FileMap({ path, isSingleFile: metainfo.isSingleFile, geometry: metainfo.geometry })
  }

  get index(): number {
    return this.options.index
  }

  get isHonest(): boolean {
    return this.options.plan.role !== 'poisoner'
  }

  get address(): string {
    return formatEndpoint({ host: this.options.host.address, port: PORT })
  }

  get node(): Node | undefined {
    return this.#node
  }

  get session(): Session | undefined {
    return this.#session
  }

  get timerCount(): number {
    return this.#process?.timerCount ?? 0
  }

  get socketCount(): number {
    return this.#process?.socketCount ?? 0
  }

  get streamCount(): number {
    return this.#process?.streamCount ?? 0
  }

  /** Starts a process as the plan's user would. */
  async start(): Promise<void> {
    const { observer, plan, meeting } = this.options
    const process = new SimProcess({
      ...this.options,
      onWrite: (to, bytes) => observer.onWrite(this, to, bytes),
      onSent: (to, message) => observer.onSent(this, to, message),
    })
    this.#process = process
    this.#lives++
    this.#node = await Node.open(this.#environment(process), {
      ...plan.settings.limits,
      tcpListen: `:${PORT}`,
      ...(meeting === 'dht' && {
        dhtListen: `:${DHT_PORT}`,
        bootstrap: this.#known(DHT_PORT),
        stateDir: '/state',
      }),
      hasLan: meeting === 'lan',
      onEvent: (event) => observer.onEvent(this, event),
    })
    this.#session = this.#openSession(this.#node)
  }

  #environment(process: SimProcess): Environment {
    const { disk, host, random, hashes, openHttp } = this.options
    return simEnvironment({
      clock: process.clock,
      random: random.fork(`life ${this.#lives}`),
      hashes,
      disk,
      dialer: process,
      http: openHttp(process.clock),
      address: host.address,
      listen: () => process.listen(PORT),
      bindDht: () => process.bindUdp(DHT_PORT),
      openUdp: () => process.bindUdp(),
      openState: (name) => this.#openState(name),
      joinGroup: (group) => process.joinGroup(group),
    })
  }

  #openSession(node: Node): Session {
    const { metainfo, path, plan, meeting, hasLink } = this.options
    const { strategy, sync, remembersComplete, cacheBytes } = plan.settings
    const isLiar = plan.role === 'poisoner' && this.index % 2 === 0
    const payload: PayloadOptions = {
      metainfo: isLiar ? misquoted(metainfo) : metainfo,
      path,
      sync,
      remembersComplete,
      mayOverwrite: this.mayOverwrite,
      mode: plan.role === 'leecher' ? 'download' : 'seed',
      check: plan.role === 'poisoner' ? 'none' : 'full',
    }
    const wishes = {
      strategy,
      ...(cacheBytes !== undefined && { cacheBytes }),
      peers: meeting === 'given' ? this.#known(PORT) : [],
      trackers: NAMED_TRACKERS[meeting] ?? [],
    }
    if (!hasLink || plan.role !== 'leecher') return node.addSession({ ...payload, ...wishes })
    const { infoHash, webSeeds, trackers } = metainfo
    const link = { infoHash, webSeeds, trackers: trackers.flat(), peers: [], bootstrap: [] }
    const session = node.addMagnet(link, wishes)
    // If it ends before, {@link whyFailed} tells.
    void session.whenMetainfo().then(
      (told) => session.open({ ...payload, metainfo: told }),
      () => {},
    )
    return session
  }

  /** The machines that it knows, at this port. */
  #known(port: number): string[] {
    return this.options.knows.map((host) => formatEndpoint({ host, port }))
  }

  /** It continues when a promise resolves, which happens between two events. */
  get isWaiting(): boolean {
    return this.#session?.state === 'waiting' || (this.#stopping !== undefined && !this.#isClosed)
  }

  /** The error with which its session failed. */
  async whyFailed(): Promise<string> {
    try {
      await this.#session?.whenComplete()
      return 'nothing'
    } catch (error) {
      return String(error)
    }
  }

  /** SIGTERM. */
  stop(): void {
    const node = this.#node
    this.#stopping = node
    void node?.close().then(() => (this.#isClosed = this.#node === node))
  }

  /** What it has not let go of although its node is closed. */
  get leftovers(): string | undefined {
    if (!this.#isClosed) return undefined
    const counts = { timers: this.timerCount, connections: this.streamCount, sockets: this.socketCount }
    const left = Object.entries({ ...counts, 'bytes of buffers': this.#node!.snapshot().bufferBytes })
    return left.flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : [])).join(', ') || undefined
  }

  /** The process, if there is one, ends now: nothing of what it planned happens. */
  end(how: Ending, lossPercent: number): void {
    const { disk, clock, observer } = this.options
    observer.onDown(this, how)
    this.#process?.kill()
    if (how === 'power') this.#losePower(lossPercent)
    else disk.kill()
    for (const state of this.#states.values()) state.isOpen = false
    clock.goOn()
    this.#process = undefined
    this.#node = undefined
    this.#session = undefined
    this.#stopping = undefined
    this.#isClosed = false
  }

  #losePower(lossPercent: number): void {
    this.options.disk.crash(lossPercent)
    // It is not synced, so that of a new one a part may be there.
    for (const state of this.#states.values())
      if (state.saved instanceof Uint8Array && lossPercent > 0)
        state.saved = state.saved.subarray(0, Math.floor((state.saved.length * lossPercent) / 100))
  }

  #openState(name: string): SimStateStore {
    const store = new SimStateStore(this.#states.get(name)?.saved)
    this.#states.set(name, store)
    return store
  }

  /** Open state files. */
  get stateCount(): number {
    return this.#states
      .values()
      .filter(({ isOpen }) => isOpen)
      .toArray().length
  }

  /** The bytes on disk where a piece should be; undefined if a file of it is missing or too short. */
  lookAt(piece: number): Uint8Array | undefined {
    const { geometry } = this.files
    const length = geometry.lengthOf(piece)
    const found = new Uint8Array(length)
    const error = this.options.disk.peek(this.files.spans(piece, 0, length), found)
    return error === undefined ? found : undefined
  }
}

/** What is said of the torrent is wrong, and by its length nobody can tell. */
function misquoted(metainfo: Metainfo): Metainfo {
  const infoBytes = metainfo.infoBytes.slice()
  infoBytes[infoBytes.length >> 1]! ^= 1
  return { ...metainfo, infoBytes }
}
