/** One test's payloads, processes and networks: everything that is started here is gone at the end, and tells its story when the test fails. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/free-ports.ts'
import { FROM_SOURCE, SwarmProcess, type EventLine } from '../../scripts/swarm-process.ts'
import type { ForeignClient, Job, RunningClient } from './client.ts'
import { ForeignProcess, type ForeignProcessOptions } from './foreign-process.ts'
import { HERE, Network, type Host } from './netns.ts'
import { differences, writePayload, type PayloadShape } from './payloads.ts'

const TRANSFER_DEADLINE_MS = 90_000
const START_DEADLINE_MS = 10_000
const POLL_INTERVAL_MS = 100
/** Lines of bitswarm's log that a failed test shows. */
const SHOWN_EVENTS = 60
/** Those that would drown the others. */
const HUM = new Set(['have', 'request', 'stats'])

/** A payload on disk. */
interface Bytes {
  readonly shape: PayloadShape
  /** The folder that holds it. */
  readonly folder: string
  /** The file or folder itself. */
  readonly path: string
}

/** A payload and its `.torrent`. */
export interface Payload extends Bytes {
  readonly torrent: string
  readonly infoHash: string
}

/** Whoever shall end with all bytes in `folder`. */
export interface Downloader {
  readonly name: string
  readonly folder: string
  isComplete(): Promise<boolean>
}

interface Started {
  readonly name: string
  output(): string
  stop(): Promise<unknown>
}

export class Scene {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'bitswarm-interop-'))
  readonly #started: Started[] = []
  readonly #networks: Network[] = []
  #folders = 0
  #lastPort = 20_000

  /** @param flags for `create`, such as `-tracker` and `-web-seed` */
  make(shape: PayloadShape, flags: readonly string[] = []): Payload {
    const folder = this.newFolder()
    return this.remake({ shape, folder, path: writePayload(folder, shape) }, flags)
  }

  /** The same bytes in another `.torrent`. */
  remake({ shape, folder, path }: Bytes, flags: readonly string[]): Payload {
    const torrent = join(this.newFolder(), 'payload.torrent')
    const words = ['create', path, '-o', torrent, ...flags]
    const created = spawnSync(process.execPath, [FROM_SOURCE, ...words], { encoding: 'utf8' })
    if (created.status !== 0) throw new Error(`create: ${created.stderr}`)
    return { shape, folder, path, torrent, infoHash: created.stdout.split(' ')[0]! }
  }

  /** Starts ours, without DHT and LAN discovery unless `flags` or `hasLan` say otherwise. */
  bitswarm(
    name: string,
    flags: readonly string[],
    { host = HERE, hasLan = false, env = {} }: BitswarmOptions = {},
  ): SwarmProcess {
    const hasDht = flags.some((flag) => flag.startsWith('-dht-listen') || flag.startsWith('-bootstrap'))
    const node = new SwarmProcess(
      [
        ...flags,
        '-state-dir',
        this.newFolder(),
        ...(hasDht ? [] : ['-dht-listen=']),
        ...(hasLan ? [] : ['-no-lan']),
      ],
      { name, enter: host.enter, env },
    )
    const told: string[] = []
    node.onEvent((line: EventLine) => {
      if (HUM.has(line.event)) return
      told.push(JSON.stringify(line))
      if (told.length > SHOWN_EVENTS) told.shift()
    })
    this.#started.push({
      name: `bitswarm (${name})`,
      output: () => [...told, ...(node.isRunning ? [] : [node.epitaph])].join('\n'),
      stop: () => node.stop(),
    })
    return node
  }

  /** Starts ours as a seeder, and waits until it serves. @returns it and its address */
  async seed(
    payload: Payload,
    flags: readonly string[] = [],
    options: BitswarmOptions = {},
  ): Promise<Seeder> {
    const host = options.host ?? HERE
    const address = await this.freeAddress(host)
    const line = ['-seed', payload.path, '-tcp-listen', address, ...flags]
    const node = this.bitswarm('seeder', line, options)
    await node.waitFor('complete', TRANSFER_DEADLINE_MS)
    return { node, address }
  }

  /** Starts ours as a downloader, and waits until it listens. @param source a metainfo file or a magnet link */
  async get(source: string, flags: readonly string[] = [], options: BitswarmOptions = {}): Promise<Getter> {
    const host = options.host ?? HERE
    const address = await this.freeAddress(host)
    const folder = this.newFolder()
    const line = ['-get', source, '-dest', folder, '-tcp-listen', address, '-timeout', '90', ...flags]
    const node = this.bitswarm('leecher', line, options)
    await node.waitFor('listen', START_DEADLINE_MS)
    return {
      name: 'bitswarm',
      node,
      address,
      folder,
      isComplete: async () => node.seen('complete').length > 0,
    }
  }

  /** Starts another client. A seeder serves the bytes of `payload` where they lie. */
  async start(
    client: ForeignClient,
    role: Job['role'],
    payload: Payload,
    { host = HERE, source, peers, hasPex, hasLan }: ClientOptions = {},
  ): Promise<StartedClient> {
    const job: Job = {
      role,
      source: source ?? payload.torrent,
      folder: role === 'seed' ? payload.folder : this.newFolder(),
      scratch: this.newFolder(),
      host,
      port: await this.#freePort(host),
      controlPort: await this.#freePort(host),
      peers: peers ?? [],
      hasPex: hasPex ?? false,
      hasLan: hasLan ?? false,
    }
    const running = await client.start(job)
    this.#started.push({
      name: client.name,
      output: () => running.output,
      stop: () => running.stop(),
    })
    return {
      name: client.name,
      folder: job.folder,
      address: `${host.address}:${job.port}`,
      get output() {
        return running.output
      },
      isComplete: () => running.isComplete(),
      stop: () => running.stop(),
    }
  }

  /** Starts a server. */
  spawn(
    name: string,
    command: string,
    args: readonly string[],
    options?: ForeignProcessOptions,
  ): ForeignProcess {
    const process = new ForeignProcess(command, args, options)
    this.#started.push({ name, output: () => process.output, stop: () => process.stop() })
    return process
  }

  network(hosts: number): readonly Host[] {
    const network = new Network(hosts)
    this.#networks.push(network)
    return network.hosts
  }

  /** Waits until all of them have everything, then compares the bytes. @returns what is wrong, by name */
  async untilIdentical(
    payload: Payload,
    downloaders: readonly Downloader[],
    withinMs: number = TRANSFER_DEADLINE_MS,
  ): Promise<readonly string[]> {
    const deadline = performance.now() + withinMs
    let waiting = downloaders
    while (waiting.length > 0) {
      const isDone = await Promise.all(waiting.map((downloader) => downloader.isComplete()))
      waiting = waiting.filter((_, index) => !isDone[index])
      if (performance.now() > deadline)
        throw new Error(`not complete in time: ${waiting.map(({ name }) => name).join(', ')}`)
      if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
    }
    return downloaders.flatMap(({ name, folder }) =>
      differences(payload.shape, payload.folder, folder).map((path) => `${name}: ${path}`),
    )
  }

  async freeAddress(host: Host = HERE): Promise<string> {
    const shown = host.address.includes(':') ? `[${host.address}]` : host.address
    return `${shown}:${await this.#freePort(host)}`
  }

  newFolder(): string {
    const path = join(this.folder, `${++this.#folders}`)
    mkdirSync(path)
    return path
  }

  /** What everything that was started has printed lately. */
  get story(): string {
    return this.#started.map(({ name, output }) => `--- ${name}\n${output()}`).join('\n')
  }

  async close(): Promise<void> {
    // The last one first: servers outlive those who say goodbye to them.
    for (const { stop } of this.#started.toReversed()) await stop()
    for (const network of this.#networks) network.close()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  /** On a host of a network of ours every port is free. */
  async #freePort(host: Host): Promise<number> {
    return host.enter.length === 0 ? freePort(HERE.address) : ++this.#lastPort
  }
}

export interface BitswarmOptions {
  readonly host?: Host
  readonly hasLan?: boolean
  readonly env?: Readonly<Record<string, string>>
}

export interface ClientOptions {
  readonly host?: Host
  /** What it starts from; the payload's `.torrent` unless told otherwise. */
  readonly source?: string
  readonly peers?: readonly string[]
  readonly hasPex?: boolean
  readonly hasLan?: boolean
}

export interface Seeder {
  readonly node: SwarmProcess
  /** Where it accepts connections. */
  readonly address: string
}

export interface StartedClient extends RunningClient, Downloader {
  /** Where it accepts connections. */
  readonly address: string
}

export interface Getter extends Downloader, Seeder {}
