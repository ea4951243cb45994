/** HTTP and HTTPS by Node's own client, which alone lets us say which address is connected to. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { familyOf } from '../../protocol/endpoint.ts'
import type { HttpClient, HttpExchange, HttpHandler, HttpRequest } from '../../protocol/ports.ts'
import { connectionError } from './network-error.ts'
import { plain } from './plain-bytes.ts'

export class SystemHttp implements HttpClient {
  readonly #userAgent: string
  readonly #source: string | undefined

  /** @param source the address that connections leave from */
  constructor(userAgent: string, source?: string) {
    this.#userAgent = userAgent
    this.#source = source
  }

  get({ url, address, headers }: HttpRequest, handler: HttpHandler): HttpExchange {
    let response: IncomingMessage | undefined
    let isOver = false
    const end = (error?: Error): void => {
      if (isOver) return
      isOver = true
      handler.onEnd(error && connectionError(error, url.host))
    }
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      headers: { 'user-agent': this.#userAgent, ...headers },
      lookup: (_name, _options, found) => found(null, [{ address, family: familyOf(address) }]),
      ...(this.#source !== undefined && { localAddress: this.#source }),
    })
    request.on('error', end)
    request.on('response', (message) => {
      response = message
      handler.onHead({
        status: message.statusCode ?? 0,
        header: (name) => message.headers[name]?.toString(),
      })
      message.on('data', (chunk: Buffer) => {
        if (!isOver) handler.onData(plain(chunk))
      })
      message.on('error', end)
      message.on('end', () => end())
    })
    request.end()
    return {
      pause: () => response?.pause(),
      resume: () => response?.resume(),
      cancel: () => {
        isOver = true
        request.destroy()
      },
    }
  }
}
