/** An HTTP tracker (BEP 3, BEP 23) for clients that cannot find peers otherwise: each caller is told of all earlier ones. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encodeBencode } from '../src/protocol/bencode-writer.ts'

const INTERVAL_SECONDS = 60

export class Tracker {
  readonly #server: Server
  readonly #host: string
  /** Compact endpoints by peer. */
  readonly #peers = new Map<string, Buffer>()

  private constructor(server: Server, host: string) {
    this.#server = server
    this.#host = host
  }

  static async listen(host: string): Promise<Tracker> {
    const server = createServer((request, response) => {
      response.end(tracker.#answer(request.url!, request.socket.remoteAddress!))
    })
    const tracker = new Tracker(server, host)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, host, resolve)
    })
    return tracker
  }

  get url(): string {
    return `http://${this.#host}:${(this.#server.address() as AddressInfo).port}/announce`
  }

  /** Forgets everybody. */
  clear(): void {
    this.#peers.clear()
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(path: string, host: string): Uint8Array {
    const query = new URL(path, this.url).searchParams
    const port = Number(query.get('port'))
    const name = `${host}:${port}`
    const others = [...this.#peers].filter(([other]) => other !== name).map(([, endpoint]) => endpoint)
    if (query.get('event') === 'stopped') this.#peers.delete(name)
    else this.#peers.set(name, Buffer.from([...host.split('.').map(Number), port >> 8, port & 0xff]))
    return encodeBencode({ interval: INTERVAL_SECONDS, peers: Buffer.concat(others) })
  }
}
