/** A whole swarm in one process under virtual time: real nodes and sessions on simulated networks and disks. */
import { buildMetainfo } from '../../metainfo/build.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { formatEndpoint } from '../../protocol/endpoint.ts'
import { InvariantError } from '../../protocol/errors.ts'
import type { Hashes, Millis } from '../../protocol/ports.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { Node, type AddSessionOptions, type NodeOptions } from '../node.ts'
import type { Session } from '../session.ts'
import { SimClock } from './clock.ts'
import { simEnvironment } from './environment.ts'
import { SimHttp } from './http.ts'
import { SeededRandom } from './random.ts'
import { SimStreams, type HostRates, type SimHost } from './stream-network.ts'

export interface SimSwarmOptions {
  /** The same seed gives the same run, event by event. */
  readonly seed: number
  readonly hashes: Hashes
  /** Bytes of the payload, 4 MiB when missing, and of a piece, 64 KiB when missing. */
  readonly payloadBytes?: number
  readonly pieceLength?: number
  /** Peers come from trackers and from the user only (BEP 27). */
  readonly isPrivate?: boolean
  /** One way, between any two machines; 10 ms when missing. */
  readonly latencyMs?: Millis
}

export interface MachineOptions extends HostRates {
  /** A disk that was there before: the machine starts again after a crash. */
  readonly disk?: MemoryDisk
  /** One character a piece, `#` for one that lies on its disk at the start; nothing when missing. */
  readonly has?: string
  /** Machines to connect to. */
  readonly peers?: readonly Pick<SimMachine, 'address'>[]
  /** URLs of web seeds, served by {@link SimSwarm.http}. */
  readonly webSeeds?: readonly string[]
  readonly node?: Omit<NodeOptions, 'tcpListen' | 'dhtListen' | 'onEvent'>
  readonly session?: Partial<Omit<AddSessionOptions, 'metainfo' | 'path' | 'peers'>>
}

/** A host with a disk, and the process that runs on it. */
export interface SimNode {
  readonly host: SimHost
  readonly disk: MemoryDisk
  readonly node: Node
  /** `host:port` where it accepts connections. */
  readonly address: string
  /** The bytes at the payload's path. */
  file(): Uint8Array | undefined
}

/** One that exchanges the payload. */
export interface SimMachine extends SimNode {
  readonly session: Session
}

const PORT = 6881
/** The payload's path on every machine. */
export const PAYLOAD_PATH = '/data/payload'

export class SimSwarm {
  readonly clock: SimClock = new SimClock()
  readonly random: SeededRandom
  readonly streams: SimStreams
  /** Servers that every machine can reach. */
  readonly http: SimHttp = new SimHttp(this.clock)
  readonly payload: Uint8Array
  readonly metainfo: Metainfo
  /** Everything that was reported, in order: one line each, with virtual time and machine. Equal for two runs with one seed. */
  readonly log: string[] = []
  readonly #hashes: Hashes
  #machines = 0

  constructor(options: SimSwarmOptions) {
    const { seed, hashes, payloadBytes = 4 * 2 ** 20, pieceLength = 65_536, latencyMs = 10 } = options
    this.random = new SeededRandom(seed)
    this.#hashes = hashes
    this.streams = new SimStreams({
      clock: this.clock,
      random: this.random.fork('network'),
      latency: latencyMs,
    })
    this.payload = this.random.fork('payload').fill(new Uint8Array(payloadBytes))
    const digests = new Uint8Array(20 * Math.ceil(payloadBytes / pieceLength))
    for (let piece = 0; piece * 20 < digests.length; piece++)
      digests.set(
        hashes.sha1(this.payload.subarray(piece * pieceLength, (piece + 1) * pieceLength)),
        piece * 20,
      )
    this.metainfo = buildMetainfo(
      {
        name: 'payload',
        isSingleFile: true,
        files: [{ path: [], length: payloadBytes }],
        pieceLength,
        digests,
        isPrivate: options.isPrivate ?? false,
      },
      hashes,
    )
  }

  /** A machine that has the whole payload. */
  seeder(options: MachineOptions = {}): Promise<SimMachine> {
    const has = '#'.repeat(this.metainfo.geometry.pieceCount)
    return this.machine({ ...options, has, session: { mode: 'seed', ...options.session } })
  }

  leecher(options: MachineOptions = {}): Promise<SimMachine> {
    return this.machine(options)
  }

  async machine(options: MachineOptions): Promise<SimMachine> {
    const machine = await this.node(options)
    const session = machine.node.addSession({
      metainfo: { ...this.metainfo, webSeeds: options.webSeeds ?? [] },
      path: PAYLOAD_PATH,
      mode: 'download',
      peers: (options.peers ?? []).map(({ address }) => address),
      ...options.session,
    })
    return { ...machine, session }
  }

  /** A machine whose process has no session yet. */
  async node({
    has,
    disk,
    node,
    ...rates
  }: Omit<MachineOptions, 'peers' | 'webSeeds' | 'session'> = {}): Promise<SimNode> {
    const index = ++this.#machines
    const name = `machine ${index}`
    const host = this.streams.host(`10.0.${index >> 8}.${index & 255}`, rates)
    const random = this.random.fork(name)
    const ownDisk =
      disk ?? new MemoryDisk({ clock: this.clock, random: random.fork('disk'), hashes: this.#hashes })
    if (has !== undefined) ownDisk.writeFile(PAYLOAD_PATH, this.#payloadWith(has))
    const env = simEnvironment({
      clock: this.clock,
      random,
      hashes: this.#hashes,
      disk: ownDisk,
      dialer: host,
      http: this.http,
      address: host.address,
      listen: () => host.listen(PORT),
    })
    const opened = await Node.open(env, {
      ...node,
      tcpListen: `:${PORT}`,
      onEvent: (event) => this.log.push(`${this.clock.now().toFixed(3)} ${name} ${JSON.stringify(event)}`),
    })
    return {
      host,
      disk: ownDisk,
      node: opened,
      address: formatEndpoint({ host: host.address, port: PORT }),
      file: () => ownDisk.readFile(PAYLOAD_PATH),
    }
  }

  /** Lets time pass until `isDone`. */
  runUntil(isDone: () => boolean, { withinMs }: { readonly withinMs: Millis }): void {
    const deadline = this.clock.now() + withinMs
    while (!isDone()) {
      if (this.clock.now() > deadline || !this.clock.step())
        throw new InvariantError(
          `it did not happen within ${withinMs} ms of virtual time:\n${this.log.slice(-20).join('\n')}`,
        )
    }
  }

  #payloadWith(has: string): Uint8Array {
    if (!has.includes('.')) return this.payload
    const { pieceLength } = this.metainfo.geometry
    const content = this.payload.slice()
    for (let piece = 0; piece < has.length; piece++)
      if (has[piece] === '.') content.fill(0, piece * pieceLength, (piece + 1) * pieceLength)
    return content
  }
}
