/** HTTP and HTTPS by Node's own client, which lets us say which address is connected to; `fetch` does not. */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import type * as Https from 'node:https'
import type { Socket } from 'node:net'
import { pipeline, type Readable } from 'node:stream'
import { canonicalIp, endpointOf, familyOf } from '../../protocol/endpoint.ts'
import type { TransportError } from '../../protocol/errors.ts'
import type { HttpClient, HttpExchange, HttpHandler, HttpRequest, Millis } from '../../protocol/ports.ts'
import { connectionError } from './network-error.ts'
import { plain } from './plain-bytes.ts'

/** Connections to one server at a time; further requests wait for one. */
export const MAX_SOCKETS = 32
/** Of them, those that are kept for the next request while idle. */
const MAX_IDLE_SOCKETS = 4
/** Idle connections are closed after this, or sooner if the server says so. */
const IDLE_TIMEOUT: Millis = 15_000
/** Bytes of all headers of an answer. */
const MAX_HEADER_BYTES = 32_768

const AGENT_OPTIONS = {
  keepAlive: true,
  maxSockets: MAX_SOCKETS,
  maxFreeSockets: MAX_IDLE_SOCKETS,
  timeout: IDLE_TIMEOUT,
} as const

type Scheme = 'http' | 'https'

/** Loaded on demand: an `import` would cost every start of a node 25 ms, mostly for the WebSocket that it exports. */
function client(scheme: Scheme): typeof Https {
  return process.getBuiltinModule(`node:${scheme}`) as typeof Https
}

export class SystemHttp implements HttpClient {
  readonly #userAgent: string
  readonly #source: string | undefined
  /** By scheme. */
  readonly #agents = new Map<Scheme, Agent>()

  /** @param source the address that connections leave from */
  constructor(userAgent: string, source?: string) {
    this.#userAgent = userAgent
    this.#source = source
  }

  get({ url, address, headers }: HttpRequest, handler: HttpHandler): HttpExchange {
    const isSecure = url.protocol === 'https:'
    const scheme = isSecure ? 'https' : 'http'
    const { host, port } = endpointOf(url)
    const isLiteral = canonicalIp(host) !== undefined
    const hasSource = this.#source !== undefined && familyOf(this.#source) === familyOf(address)
    const hasUser = url.username !== '' || url.password !== ''
    const options: Https.RequestOptions = {
      agent: this.#agent(scheme),
      // The agent pools connections by host: with the address in it, no connection is reused for another address.
      host: address,
      port,
      path: `${url.pathname}${url.search}`,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        host: url.host,
        'user-agent': this.#userAgent,
        'accept-encoding': 'identity',
        ...headers,
      },
      ...(isSecure && !isLiteral && { servername: host }),
      ...(hasUser && { auth: `${unescaped(url.username)}:${unescaped(url.password)}` }),
      ...(hasSource && { localAddress: this.#source }),
    }
    return new SystemExchange(() => client(scheme).request(options), {
      server: url.host,
      isSecure,
      handler,
    })
  }

  /** Closes the idle connections. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
  }

  #agent(scheme: Scheme): Agent {
    const known = this.#agents.get(scheme)
    if (known !== undefined) return known
    const agent = new (client(scheme).Agent)(AGENT_OPTIONS)
    this.#agents.set(scheme, agent)
    return agent
  }
}

interface ExchangeOptions {
  /** For messages. */
  readonly server: string
  readonly isSecure: boolean
  readonly handler: HttpHandler
}

class SystemExchange implements HttpExchange {
  readonly #open: () => ClientRequest
  readonly #options: ExchangeOptions
  #request: ClientRequest
  #body: Readable | undefined
  #hasTurn = false
  /** The request uses a connection that served earlier requests. */
  #isReused = false
  #isPaused = false
  #isOver = false

  constructor(open: () => ClientRequest, options: ExchangeOptions) {
    this.#open = open
    this.#options = options
    this.#request = this.#send()
  }

  pause(): void {
    this.#isPaused = true
    this.#body?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#body?.resume()
  }

  cancel(): void {
    this.#isOver = true
    this.#request.destroy()
  }

  #send(): ClientRequest {
    const request = this.#open()
    request.on('socket', (socket) => this.#onSocket(socket))
    request.on('response', (response) => this.#onResponse(response))
    request.on('error', (error) => this.#onError(error))
    request.end()
    return request
  }

  #onSocket(socket: Socket): void {
    const { handler, isSecure } = this.#options
    this.#isReused = !socket.pending
    if (this.#isOver || this.#hasTurn) return
    this.#hasTurn = true
    handler.onTurn()
    if (this.#isOver) return
    if (this.#isReused) handler.onConnected()
    else
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        if (!this.#isOver) handler.onConnected()
      })
  }

  #onError(error: Error): void {
    const failure = connectionError(error, this.#options.server)
    // A server may close an idle connection at the very moment in which it is used again, so a fresh one decides.
    const wasStale = this.#isReused && this.#body === undefined && failure.code === 'net.reset'
    if (wasStale && !this.#isOver) this.#request = this.#send()
    else this.#end(failure)
  }

  #onResponse(response: IncomingMessage): void {
    const { handler } = this.#options
    if (this.#isOver) return
    const body = unpacked(response)
    this.#body = body
    body.on('error', (error) => this.#end(connectionError(error, this.#options.server)))
    body.on('end', () => this.#end())
    handler.onHead({
      status: response.statusCode ?? 0,
      header: (name) => response.headers[name]?.toString(),
    })
    if (this.#isOver) return
    body.on('data', (chunk: Buffer) => {
      if (!this.#isOver) handler.onData(plain(chunk))
    })
    if (this.#isPaused) body.pause()
  }

  #end(error?: TransportError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.handler.onEnd(error)
  }
}

/** We request no compression; some servers compress all the same. */
function unpacked(response: IncomingMessage): Readable {
  const encoding = response.headers['content-encoding']?.toLowerCase()
  const isUnzipped = encoding === 'gzip' || encoding === 'x-gzip' || encoding === 'deflate'
  if (!isUnzipped && encoding !== 'br') return response
  // An error on either side ends both, and reaches the listeners of the returned stream.
  const { createUnzip, createBrotliDecompress } = process.getBuiltinModule('node:zlib')
  return pipeline(response, isUnzipped ? createUnzip() : createBrotliDecompress(), () => {})
}

/** A stranger's URL may contain percent signs that escape nothing. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
