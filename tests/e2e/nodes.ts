/** Real processes for the tests: started, watched, every line held against the event table, and gone afterwards. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort } from '../../scripts/free-ports.ts'
import { SwarmProcess, type EventLine } from '../../scripts/swarm-process.ts'
import { LOG_LINE } from '../../src/app/events.ts'
import { createMetainfo, encodeBit } from '../../src/app/library.ts'

const HOST = '127.0.0.1'
/** For whatever is waited for. */
const PATIENCE_MS = 20_000

export class Nodes {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'bitswarm-e2e-'))
  readonly #running: SwarmProcess[] = []
  readonly #badLines: unknown[] = []

  /** Starts bitswarm in the folder of the test. No DHT unless asked for. @param enter words before the command */
  start(name: string, line: string, enter: readonly string[] = []): SwarmProcess {
    const args = line.split(' ').map((word) => (word === "''" ? '' : word))
    const hasDht = args.includes('-dht-listen') || args.includes('-bootstrap')
    // Other tests that run now must not be met.
    const isOnLan = args.includes('-lan')
    const quiet = [...(hasDht ? [] : ['-dht-listen', '']), ...(isOnLan ? [] : ['-no-lan'])]
    const node = new SwarmProcess([...args, ...quiet], {
      name,
      cwd: this.folder,
      enter,
    })
    node.onEvent((event) => {
      const { error } = LOG_LINE.safeParse(event)
      if (error) this.#badLines.push({ event, issues: error.issues })
    })
    this.#running.push(node)
    return node
  }

  /** Makes a payload and its metainfo beside it. */
  async make(name: string, length: number): Promise<void> {
    const path = this.write(name, length)
    writeFileSync(`${path}.bit`, encodeBit(await createMetainfo(path)))
  }

  /** Starts a seeder and waits until it listens. @returns it and its TCP address */
  async seed(path: string, flags = ''): Promise<{ seeder: SwarmProcess; address: string }> {
    const port = await freePort(HOST)
    const seeder = this.start('seeder', `-seed ${path} -tcp-listen ${HOST}:${port}${flags && ` ${flags}`}`)
    await this.event(seeder, 'complete')
    return { seeder, address: `${HOST}:${port}` }
  }

  event(node: SwarmProcess, isIt: string | ((line: EventLine) => boolean)): Promise<EventLine> {
    return node.waitFor(isIt, PATIENCE_MS)
  }

  /** @returns the exit code */
  async end(node: SwarmProcess): Promise<number> {
    const timer = setTimeout(() => node.kill(), PATIENCE_MS)
    const code = await node.exited
    clearTimeout(timer)
    return code
  }

  freeAddress(): Promise<string> {
    return freePort(HOST).then((port) => `${HOST}:${port}`)
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  /** Random bytes, so that no piece can be mistaken for another. */
  write(name: string, length: number): string {
    const path = this.path(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, randomBytes(length))
    return path
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name))
  }

  digest(name: string): string {
    return createHash('sha256').update(this.read(name)).digest('hex')
  }

  /** Ends all processes by force and removes all files. @returns lines that broke the contract of events */
  close(): readonly unknown[] {
    for (const node of this.#running) node.kill()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
    return this.#badLines
  }
}
