/** HTTP and HTTPS by Node's own client, which lets us say which address is connected to; `fetch` does not. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createUnzip } from 'node:zlib'
import { canonicalIp, familyOf } from '../../protocol/endpoint.ts'
import type { HttpClient, HttpExchange, HttpHandler, HttpRequest } from '../../protocol/ports.ts'
import { connectionError } from './network-error.ts'
import { plain } from './plain-bytes.ts'

/** Connections to one server at a time; further requests wait for one. Idle ones are kept for the next. */
const MAX_SOCKETS = 8
const MAX_IDLE_SOCKETS = 4
/** Bytes of all headers of an answer. */
const MAX_HEADER_BYTES = 32_768

const AGENT_OPTIONS = { keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_IDLE_SOCKETS } as const

export class SystemHttp implements HttpClient {
  readonly #userAgent: string
  readonly #source: string | undefined
  readonly #http = new HttpAgent(AGENT_OPTIONS)
  readonly #https = new HttpsAgent(AGENT_OPTIONS)

  /** @param source the address that connections leave from */
  constructor(userAgent: string, source?: string) {
    this.#userAgent = userAgent
    this.#source = source
  }

  get({ url, address, headers }: HttpRequest, handler: HttpHandler): HttpExchange {
    const isSecure = url.protocol === 'https:'
    const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const isLiteral = canonicalIp(hostname) !== undefined
    const hasSource = this.#source !== undefined && familyOf(this.#source) === familyOf(address)
    let body: Readable | undefined
    let isPaused = false
    let isOver = false
    const end = (error?: Error | null): void => {
      if (isOver) return
      isOver = true
      handler.onEnd(error ? connectionError(error, url.host) : undefined)
    }
    // By its address as the host, a connection that is kept is used again for the same address only.
    const request = (isSecure ? httpsRequest : httpRequest)({
      agent: isSecure ? this.#https : this.#http,
      host: address,
      port: url.port || (isSecure ? 443 : 80),
      path: `${url.pathname}${url.search}`,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: { host: url.host, 'user-agent': this.#userAgent, ...headers },
      ...(isSecure && !isLiteral && { servername: hostname }),
      ...(url.username !== '' && { auth: `${unescaped(url.username)}:${unescaped(url.password)}` }),
      ...(hasSource && { localAddress: this.#source }),
    })
    request.on('error', end)
    request.on('response', (response) => {
      body = unpacked(response, end)
      handler.onHead({
        status: response.statusCode ?? 0,
        header: (name) => response.headers[name]?.toString(),
      })
      if (isOver) return
      body.on('data', (chunk: Buffer) => {
        if (!isOver) handler.onData(plain(chunk))
      })
      body.on('error', end)
      body.on('end', () => end())
      if (isPaused) body.pause()
    })
    request.end()
    return {
      pause() {
        isPaused = true
        body?.pause()
      },
      resume() {
        isPaused = false
        body?.resume()
      },
      cancel() {
        isOver = true
        request.destroy()
      },
    }
  }

  /** Drops the connections that are kept. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

/** A stranger's URL may hold percent signs that escape nothing. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** We never ask for compression; some servers compress all the same. */
function unpacked(response: IncomingMessage, onEnd: (error?: Error | null) => void): Readable {
  const encoding = response.headers['content-encoding']?.toLowerCase()
  const isUnzipped = encoding === 'gzip' || encoding === 'x-gzip' || encoding === 'deflate'
  if (!isUnzipped && encoding !== 'br') return response
  // An error on either side ends both, and is reported once.
  return pipeline(response, isUnzipped ? createUnzip() : createBrotliDecompress(), (error) => {
    if (error) onEnd(error)
  })
}
