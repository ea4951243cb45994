/** The seeder of a crash test: it can die, and comes back at the same address. It tells what it has sent. */
import { freePort } from '../../scripts/free-ports.ts'
import { FROM_DIST, SwarmProcess } from '../../scripts/swarm-process.ts'

const HOST = '127.0.0.1'
const START_MS = 60_000
/** Until a seeder sees that its peer has died: the machine may be busy. */
const GOODBYE_MS = 30_000
const POLL_MS = 5

export class Seeder {
  readonly address: string
  kills = 0
  readonly #path: string
  #process: SwarmProcess
  #sentBytes = 0
  #connections = 0

  static async start(path: string): Promise<Seeder> {
    const seeder = new Seeder(path, `${HOST}:${await freePort(HOST)}`)
    await seeder.#process.waitFor('complete', START_MS)
    return seeder
  }

  private constructor(path: string, address: string) {
    this.#path = path
    this.address = address
    this.#process = this.#run()
  }

  /** Kills it and starts it again at once. What it sent on connections that are open is not known any more. */
  async killAndRestart(): Promise<void> {
    this.kills++
    this.#process.kill()
    await this.#process.exited
    this.#connections = 0
    this.#process = this.#run()
    await this.#process.waitFor('complete', START_MS)
  }

  /** Bytes of payload sent since this was last asked, once all connections are closed. */
  async takeSentBytes(): Promise<number> {
    for (const deadline = performance.now() + GOODBYE_MS; this.#connections > 0;) {
      if (performance.now() > deadline) throw new Error('the seeder does not notice that its peer is gone')
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    const sent = this.#sentBytes
    this.#sentBytes = 0
    return sent
  }

  stop(): Promise<number> {
    return this.#process.stop()
  }

  #run(): SwarmProcess {
    const words = ['-seed', this.#path, '-tcp-listen', this.address, '-dht-listen', '', '-no-lan', '-quiet']
    const process = new SwarmProcess(words, { name: 'seeder', command: FROM_DIST })
    process.onEvent(({ event, uploaded }) => {
      if (process !== this.#process) return
      if (event === 'joined_to_peer') this.#connections++
      else if (event === 'peer_left') {
        this.#connections--
        this.#sentBytes += uploaded as number
      }
    })
    return process
  }
}
