/**
 * The built program under attack. A siege has one victim; while it is attacked, honest peers must get everything from it,
 * and when it is over it must have grown by no more than {@link MAX_GROWTH} and end in order.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { freePort } from '../../scripts/free-ports.ts'
import { FROM_DIST, SwarmProcess, type EventLine } from '../../scripts/swarm-process.ts'
import { LOG_LINE } from '../../src/app/events.ts'
import { createMetainfo, encodeBit, type Metainfo } from '../../src/app/library.ts'
import { RawPeer, type CallOptions } from './raw-peer.ts'
import { peak, restartPeak } from './resident-memory.ts'

/** MiB of resident memory that an attack may cost. */
export const MAX_GROWTH = 64
/** For whatever is waited for. */
export const PATIENCE_MS = 20_000
export const MiB = 2 ** 20

const PAYLOAD = 'payload.bin'
const PAYLOAD_BYTES = 16 * MiB
/** Of the honest; attackers come from elsewhere in 127/8. */
const HOST = '127.0.0.1'

export class Siege {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'bitswarm-siege-'))
  readonly #running: SwarmProcess[] = []
  readonly #attackers: RawPeer[] = []
  #metainfo: Metainfo | undefined
  #downloads = 0

  /** With a payload, and its metainfo beside it. */
  static async lay(bytes: number = PAYLOAD_BYTES): Promise<Siege> {
    const siege = new Siege()
    writeFileSync(siege.path(PAYLOAD), randomBytes(bytes))
    siege.#metainfo = await createMetainfo(siege.path(PAYLOAD), { pieceLength: 65_536 })
    writeFileSync(siege.path(`${PAYLOAD}.bit`), encodeBit(siege.#metainfo))
    return siege
  }

  get metainfo(): Metainfo {
    return this.#metainfo!
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  /** Starts the built program in the folder of the siege, with neither DHT nor LAN unless asked for. */
  start(name: string, args: readonly string[], enter: readonly string[] = []): SwarmProcess {
    const own = args.includes('-dht-listen') ? [] : ['-dht-listen', '']
    const words = [...args, ...own, '-no-lan', '-log-level', 'debug']
    const node = new SwarmProcess(words, { name, command: FROM_DIST, cwd: this.folder, enter })
    node.onEvent((line) => {
      const { error } = LOG_LINE.safeParse(line)
      if (error) throw new Error(`${name} wrote a line that is no event: ${JSON.stringify(line)}`)
    })
    this.#running.push(node)
    return node
  }

  /** A seeder that has served somebody already: its buffers are there, its code is compiled. */
  async seeder(...flags: readonly string[]): Promise<Victim> {
    return this.#seeder(flags)
  }

  /** The same as a process that may have so many files and sockets open. */
  async seederWith(descriptors: number): Promise<Victim> {
    return this.#seeder([], ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh'])
  }

  async #seeder(flags: readonly string[], enter?: readonly string[]): Promise<Victim> {
    const address = `${HOST}:${await freePort(HOST)}`
    const seeder = this.start('seeder', ['-seed', PAYLOAD, '-tcp-listen', address, ...flags], enter)
    await seeder.waitFor('complete', PATIENCE_MS)
    const victim = new Victim(this, seeder, address)
    await this.download(address)
    await this.download(address)
    return victim
  }

  /** An honest peer takes everything from an address. @returns seconds that it took */
  download(from: string): Promise<number> {
    return this.#download(['-peer', from])
  }

  /** The same from whomever a node of the DHT knows of, which is asked again until it has time. */
  downloadThrough(bootstrap: string): Promise<number> {
    return this.#download(['-dht-listen', '127.0.0.1:0', '-bootstrap', bootstrap], 2 * PATIENCE_MS)
  }

  async #download(flags: readonly string[], withinMs: number = PATIENCE_MS): Promise<number> {
    const dest = `honest-${++this.#downloads}`
    const startedAt = performance.now()
    const leecher = this.start(dest, ['-get', `${PAYLOAD}.bit`, '-dest', dest, ...flags])
    const deadline = setTimeout(() => leecher.kill(), withinMs)
    const code = await leecher.exited
    clearTimeout(deadline)
    expect(code, `the honest peer: ${leecher.epitaph}`).toBe(0)
    const seconds = (performance.now() - startedAt) / 1_000
    expect(this.isIntact(dest), 'the honest peer got what was promised').toBe(true)
    rmSync(this.path(dest), { recursive: true })
    return seconds
  }

  isIntact(dest: string): boolean {
    const path = this.path(dest, PAYLOAD)
    return existsSync(path) && sha256(path) === sha256(this.path(PAYLOAD))
  }

  /** Calls a victim, hands shaken, from an address that no other attacker has: a port alone may come again. */
  async call(to: string, options: CallOptions = {}): Promise<RawPeer> {
    const at = this.#attackers.length
    const from = `127.67.${at >> 7}.${1 + (at & 127)}`
    const attacker = await RawPeer.call(to, this.metainfo.infoHash, { from, ...options })
    this.#attackers.push(attacker)
    return attacker
  }

  lift(): void {
    for (const attacker of this.#attackers) attacker.hangUp()
    for (const node of this.#running) node.kill()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

export class Victim {
  readonly process: SwarmProcess
  readonly address: string
  readonly #siege: Siege
  readonly #residentBefore: number

  constructor(siege: Siege, process: SwarmProcess, address: string) {
    this.#siege = siege
    this.process = process
    this.address = address
    this.#residentBefore = restartPeak(process.pid!)
  }

  /** Calls it, from an address of the attackers. */
  call(options: CallOptions = {}): Promise<RawPeer> {
    return this.#siege.call(this.address, options)
  }

  /** What it says of the end of a connection. */
  async verdictOn(attacker: RawPeer, name = attacker.name): Promise<string> {
    const isIt = ({ event, peer }: EventLine): boolean =>
      (event === 'peer_left' || event === 'peer_refused') && peer === name
    return String((await this.process.waitFor(isIt, PATIENCE_MS))['reason'])
  }

  /** Serves an honest peer now, whatever else goes on. */
  serves(): Promise<number> {
    return this.#siege.download(this.address)
  }

  /** It still runs, serves, has not grown too much since it was warm, and ends as it should. @returns MiB that it grew by */
  async survives(seconds?: number): Promise<number> {
    const took = seconds ?? (await this.serves())
    expect(this.process.isRunning, this.process.isRunning ? '' : this.process.epitaph).toBe(true)
    const growth = peak(this.process.pid!) - this.#residentBefore
    const { currentTestName } = expect.getState()
    process.stdout.write(
      `${currentTestName}: ${growth.toFixed(0)} MiB more, honest download in ${took.toFixed(1)} s\n`,
    )
    expect(growth, 'MiB of growth').toBeLessThan(MAX_GROWTH)
    expect(await this.process.stop(), 'exit code').toBe(0)
    return growth
  }
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
