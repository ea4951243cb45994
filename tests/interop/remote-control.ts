/** JSON over HTTP to the remote control of a client, also on a host on which this process cannot open a socket. */
import { request, type IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ForeignProcess } from './foreign-process.ts'
import { HERE, type Host } from './netns.ts'

const RELAY = fileURLToPath(new URL('relay.ts', import.meta.url))

export interface RemoteAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

export class RemoteControl {
  readonly #port: number
  /** A socket file is reachable from every network namespace. */
  readonly #socketPath: string | undefined
  readonly #relay: ForeignProcess | undefined

  /**
   * @param port on the loopback interface of `host`
   * @param folder for the relay's socket
   */
  constructor(host: Host, port: number, folder: string) {
    this.#port = port
    if (host === HERE) return
    this.#socketPath = join(folder, 'control')
    this.#relay = new ForeignProcess(process.execPath, [RELAY, this.#socketPath, `${port}`], { host })
  }

  async post(
    path: string,
    body: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RemoteAnswer> {
    const where = this.#socketPath === undefined ? { host: HERE.address } : { socketPath: this.#socketPath }
    return new Promise((resolve, reject) => {
      const asked = request(
        { ...where, port: this.#port, path, method: 'POST', headers, agent: false },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.once('error', reject)
          response.once('end', () => {
            const isJson = response.statusCode === 200
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              body: isJson ? JSON.parse(text) : text,
            })
          })
        },
      )
      asked.once('error', reject)
      asked.end(JSON.stringify(body))
    })
  }

  async stop(): Promise<void> {
    await this.#relay?.stop()
  }
}
