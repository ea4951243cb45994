/** HTTP by Node's own client, against real servers on this machine: some are slow, broken, packed, or nobody's friend. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SystemClock } from '../../../src/app/node/clock.ts'
import { MAX_SOCKETS, SystemHttp } from '../../../src/app/node/http.ts'
import { systemResolver } from '../../../src/app/node/resolver.ts'
import { fetchBody } from '../../../src/protocol/http-body.ts'
import type { HttpExchange, HttpHandler } from '../../../src/protocol/ports.ts'

const MiB = 1024 ** 2

let http: SystemHttp
let servers: TcpServer[]
beforeEach(() => {
  http = new SystemHttp('test/1')
  servers = []
})
afterEach(() => {
  http.close()
  for (const server of servers) {
    if ('closeAllConnections' in server) (server as Server).closeAllConnections()
    server.close()
  }
})

async function listen(server: TcpServer): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const serve = (listener: RequestListener): Promise<number> => listen(createServer(listener))

/** @returns status and body, or the code of the error */
function fetch(url: string, maxBytes = MiB): Promise<string> {
  const ports = { http, resolver: systemResolver, clock: new SystemClock() }
  const limits = { maxBytes, headTimeoutMs: 5_000, totalTimeoutMs: 5_000 }
  return new Promise((resolve) => {
    fetchBody(ports, { question: { url: new URL(url) }, limits }, (result) =>
      resolve(
        result instanceof Error
          ? `${result.code}: ${result.message}`
          : `${result.status} ${new TextDecoder().decode(result.body)}`,
      ),
    )
  })
}

/** An exchange of which only the beginning matters. */
class Turn {
  readonly calls: string[] = []
  readonly ended: Promise<void>

  constructor(client: SystemHttp, port: number) {
    this.ended = new Promise((resolve) => {
      const url = new URL(`http://127.0.0.1:${port}/`)
      client.get(
        { url, address: '127.0.0.1' },
        {
          onTurn: () => this.calls.push('turn'),
          onConnected: () => this.calls.push('connected'),
          onHead() {},
          onData() {},
          onEnd: () => resolve(),
        },
      )
    })
  }
}

describe('an exchange', () => {
  test('tells who asks, and where; user and password are sent, whatever they are made of', async () => {
    const port = await serve(({ url, headers }, response) =>
      response.end(
        `${url} ${headers.host} ${headers['user-agent']} ${headers['accept-encoding']} ${headers.authorization}`,
      ),
    )
    const basic = Buffer.from('me:%zz').toString('base64')
    expect(await fetch(`http://me:%zz@127.0.0.1:${port}/a%20b?c=d`)).toBe(
      `200 /a%20b?c=d 127.0.0.1:${port} test/1 identity Basic ${basic}`,
    )
  })

  test('by name is made with the address that the name was resolved to', async () => {
    const port = await serve(({ headers }, response) => response.end(headers.host))
    const head = await new Promise<string>((resolve) => {
      const url = new URL(`http://name.invalid:${port}/`)
      let text = ''
      http.get(
        { url, address: '127.0.0.1' },
        {
          onTurn: () => {},
          onConnected: () => {},
          onHead: () => {},
          onData: (chunk) => (text += new TextDecoder().decode(chunk)),
          onEnd: (error) => resolve(error?.message ?? text),
        },
      )
    })
    expect(head).toBe(`name.invalid:${port}`)
  })

  test('uses a connection again', async () => {
    let connections = 0
    const server = createServer((_request, response) => response.end('x'))
    server.on('connection', () => connections++)
    const port = await listen(server)
    for (let i = 0; i < 3; i++) expect(await fetch(`http://127.0.0.1:${port}/`)).toBe('200 x')
    expect(connections).toBe(1)
  })

  test('is repeated when the connection that was kept breaks at that moment', async () => {
    const connections = new Set<unknown>()
    const port = await serve(({ socket }, response) => {
      if (connections.has(socket)) socket.destroy()
      else response.end('x')
      connections.add(socket)
    })
    for (let i = 1; i <= 3; i++) {
      expect(await fetch(`http://127.0.0.1:${port}/`)).toBe('200 x')
      expect(connections.size).toBe(i)
    }
  })

  test('is not repeated when a new connection breaks', async () => {
    let requests = 0
    const port = await serve(({ socket }) => {
      requests++
      socket.destroy()
    })
    expect(await fetch(`http://127.0.0.1:${port}/`)).toMatch(/^net\.reset/)
    expect(requests).toBe(1)
  })

  test('waits behind many to the same server, and takes over the connection of one that is done', async () => {
    const waiting: ServerResponse[] = []
    const port = await serve((_request, response) => waiting.push(response))
    const all = Array.from({ length: MAX_SOCKETS + 1 }, () => new Turn(http, port))
    await vi.waitUntil(() => waiting.length === MAX_SOCKETS)
    expect(all.map(({ calls }) => calls).slice(-2)).toEqual([['turn', 'connected'], []])
    waiting.shift()!.end()
    await vi.waitUntil(() => waiting.length === MAX_SOCKETS)
    expect(all.at(-1)!.calls).toEqual(['turn', 'connected'])
    const connections = new Set(waiting.map(({ socket }) => socket))
    for (const response of waiting) response.end()
    await Promise.all(all.map(({ ended }) => ended))
    expect(connections.size).toBe(MAX_SOCKETS)
  })

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('may be packed although nobody asked for that: %s', async (encoding, pack) => {
    const port = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(pack('unpacked')),
    )
    expect(await fetch(`http://127.0.0.1:${port}/`)).toBe('200 unpacked')
  })
})

describe('what a server may do wrong', () => {
  test.each<[string, RequestListener, RegExp]>([
    [
      'a small packed body that is huge when it is unpacked',
      (_request, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(new Uint8Array(64 * MiB))),
      /^http\.oversize/,
    ],
    [
      'a packed body that is damaged',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip at all'),
      /^net\.failed: .*cannot be decompressed/,
    ],
    [
      'a body that ends too early',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('half')
        setImmediate(() => response.destroy())
      },
      /^net\.reset/,
    ],
    [
      'headers without end',
      (_request, response) => response.writeHead(200, { 'x-long': 'x'.repeat(60_000) }).end(),
      /^net\.failed: .*more headers than are taken/,
    ],
    [
      'a redirect to nowhere',
      (_request, response) => response.writeHead(302, { location: 'http://' }).end(),
      /^http\.redirect/,
    ],
  ])('%s', async (_what, listener, outcome) => {
    expect(await fetch(`http://127.0.0.1:${await serve(listener)}/`)).toMatch(outcome)
  })

  test('another protocol', async () => {
    const port = await listen(createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n')))
    expect(await fetch(`http://127.0.0.1:${port}/`)).toMatch(/^net\.failed: .*not HTTP/)
    expect(await fetch(`https://127.0.0.1:${port}/`)).toMatch(
      /^net\.failed: 127\.0\.0\.1:\d+: .*not TLS that we understand \(EPROTO\)$/,
    )
  })

  test('nothing at all: nobody listens', async () => {
    const port = await serve(() => {})
    servers[0]!.close()
    await new Promise((resolve) => servers[0]!.once('close', resolve))
    expect(await fetch(`http://127.0.0.1:${port}/`)).toMatch(/^net\.refused/)
  })
})

test('a reader that pauses is not flooded, and misses nothing', async () => {
  const size = 8 * MiB
  const port = await serve((_request, response) => response.end(Buffer.alloc(size, 7)))
  let exchange: HttpExchange | undefined
  let received = 0
  let whilePaused = 0
  let isPaused = false
  await new Promise<void>((resolve) => {
    const handler: HttpHandler = {
      onTurn: () => {},
      onConnected: () => {},
      onHead: () => {},
      onData(chunk) {
        received += chunk.length
        if (isPaused) whilePaused += chunk.length
        else if (received < MiB) {
          isPaused = true
          exchange!.pause()
          setTimeout(() => {
            isPaused = false
            exchange!.resume()
          }, 5)
        }
      },
      onEnd: () => resolve(),
    }
    exchange = http.get({ url: new URL(`http://127.0.0.1:${port}/`), address: '127.0.0.1' }, handler)
  })
  expect(received).toBe(size)
  expect(whilePaused).toBeLessThan(256 * 1024)
})

const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

test.skipIf(!hasOpenssl)(
  'a server that nobody vouches for is not believed, and the reason is said',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bitswarm-tls-'))
    try {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
      const files = ['-keyout', key, '-out', cert]
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files], {
        stdio: 'ignore',
      })
      let requests = 0
      const options = { key: readFileSync(key), cert: readFileSync(cert) }
      const port = await listen(
        createSecureServer(options, (_request, response) => response.end(`${++requests}`)),
      )
      expect(await fetch(`https://127.0.0.1:${port}/`)).toMatch(
        /^net\.tls: 127\.0\.0\.1:\d+: .*self-signed certificate/,
      )
      expect(requests).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
