/** HTTP questions: which address is asked, which redirect is followed, how long and how much is borne. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SimHttp, type SimAnswer, type SimServer, type SimServerOptions } from '../../src/app/sim/http.ts'
import { TransportError } from '../../src/protocol/errors.ts'
import { fetchBody, type BodyAnswer } from '../../src/protocol/http-body.ts'
import { HTTP_CONNECT_TIMEOUT, MAX_REDIRECTS } from '../../src/protocol/http-request.ts'
import type { HttpClient, HttpExchange, HttpRequest } from '../../src/protocol/ports.ts'

const LIMITS = { maxBytes: 1_000, headTimeoutMs: 10_000, totalTimeoutMs: 30_000 }
const PUBLIC = '20.0.0.1'

let clock: SimClock
let http: SimHttp
/** Addresses by name. */
let names: Record<string, readonly string[]>
/** Who was asked what, in order. */
let asked: string[]

beforeEach(() => {
  clock = new SimClock()
  http = new SimHttp(clock)
  names = {}
  asked = []
})

function serve(
  address: string,
  answer: SimAnswer | ((request: HttpRequest) => SimAnswer | undefined),
  port = 80,
  options: SimServerOptions = {},
): void {
  const server: SimServer = (request) => {
    asked.push(`${request.url.href} at ${request.address}`)
    return typeof answer === 'function' ? answer(request) : answer
  }
  http.serve(address, port, server, options)
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const to = (location: string, status = 302): SimAnswer => ({ status, headers: { location } })

/** Answers nobody; takes no connection, and refuses none. */
const vanish = (address: string): void => serve(address, { status: 200 }, 80, { isCutOff: () => true })

/** When the last fetch was over, from its start. */
let took: number

/** @returns what came of it: status and text, or the code of the error */
function fetch(url: string, { family, client = http }: { family?: 4 | 6; client?: HttpClient } = {}): string {
  const ports = {
    http: client,
    clock,
    resolver: {
      resolve: (host: string, _family: unknown, onResult: (addresses: readonly string[]) => void) =>
        onResult(names[host] ?? []),
    },
  }
  const results: (BodyAnswer | Error)[] = []
  const question = { url: new URL(url), ...(family && { family }) }
  const start = clock.now()
  fetchBody(ports, { question, limits: LIMITS }, (result) => {
    results.push(result)
    took = clock.now() - start
  })
  expect(results).toEqual([])
  clock.runUntil(start + 120_000)
  expect(results).toHaveLength(1)
  const [result] = results
  if (result instanceof Error) return (result as Error & { code: string }).code
  return `${result!.status} ${new TextDecoder().decode(result!.body)}`
}

/** Sends a body in pieces of so many bytes. */
function inPieces(body: Uint8Array, grain: number): HttpClient {
  return {
    get(_request, handler) {
      let isOver = false
      clock.after(1, () => {
        handler.onTurn()
        handler.onConnected()
        handler.onHead({ status: 200, header: () => undefined })
        for (let at = 0; at < body.length && !isOver; at += grain)
          handler.onData(body.subarray(at, at + grain))
        if (!isOver) handler.onEnd()
      })
      return { pause() {}, resume() {}, cancel: () => (isOver = true) }
    },
    close() {},
  }
}

/** Begins with a request only after so long. */
function behindOthers(waitMs: number, answer: SimAnswer | undefined): HttpClient {
  serve(PUBLIC, () => answer)
  return {
    get(request, handler) {
      let exchange: HttpExchange | undefined
      const cancelWait = clock.after(waitMs, () => {
        exchange = http.get(request, handler)
      })
      const cancel = (): void => {
        cancelWait()
        exchange?.cancel()
      }
      return { pause() {}, resume() {}, cancel }
    },
    close() {},
  }
}

describe('an answer', () => {
  test('comes from an address of the name', () => {
    names['t.example'] = [PUBLIC]
    serve(PUBLIC, { status: 200, body: bytes('hello') })
    expect(fetch('http://t.example/a?b=c')).toBe('200 hello')
    expect(asked).toEqual(['http://t.example/a?b=c at 20.0.0.1'])
  })

  test('may be a failure with an explanation', () => {
    serve(PUBLIC, { status: 500, body: bytes('why') })
    expect(fetch(`http://${PUBLIC}/`)).toBe('500 why')
  })

  test('comes over the family that is asked for', () => {
    names['t.example'] = [PUBLIC, '2a00::1']
    serve('2a00::1', { status: 200, body: bytes('six') })
    expect(fetch('http://t.example/', { family: 6 })).toBe('200 six')
    names['t.example'] = [PUBLIC]
    expect(fetch('http://t.example/', { family: 6 })).toBe('net.unresolved')
  })

  test('comes from the next address when one does not take the connection; three are tried', () => {
    names['t.example'] = ['20.0.0.7', '20.0.0.8', PUBLIC]
    serve(PUBLIC, { status: 200, body: bytes('third') })
    expect(fetch('http://t.example/')).toBe('200 third')
    names['t.example'] = ['20.0.0.7', '20.0.0.8', '20.0.0.9', PUBLIC]
    expect(fetch('http://t.example/')).toBe('net.refused')
  })

  test('comes from the next address when one does not answer at all; the last is given all the time', () => {
    names['t.example'] = ['20.0.0.7', '20.0.0.8', PUBLIC]
    vanish('20.0.0.7')
    vanish('20.0.0.8')
    serve(PUBLIC, { status: 200, body: bytes('third'), delayMs: HTTP_CONNECT_TIMEOUT + 900 })
    expect(fetch('http://t.example/')).toBe('200 third')
    expect(took).toBeCloseTo(3 * HTTP_CONNECT_TIMEOUT + 900, 0)
    names['t.example'] = ['20.0.0.7']
    expect(fetch('http://t.example/')).toBe('net.timeout')
    expect(took).toBe(LIMITS.headTimeoutMs)
  })

  test('is asked for once of each address: one that was left is not heard any more', () => {
    names['t.example'] = ['20.0.0.7', PUBLIC]
    serve(PUBLIC, { status: 200, body: bytes('second'), delayMs: 5_000 })
    // What connecting to it ends in is known after the second address was asked, and before that one answers.
    const client: HttpClient = {
      get(request, handler) {
        if (request.address === PUBLIC) return http.get(request, handler)
        clock.after(1, () => handler.onTurn())
        const cancel = clock.after(HTTP_CONNECT_TIMEOUT + 1_000, () =>
          handler.onEnd(new TransportError('net.timeout', 'nobody answers there')),
        )
        return { pause() {}, resume() {}, cancel }
      },
      close() {},
    }
    expect(fetch('http://t.example/', { client })).toBe('200 second')
    expect(asked).toHaveLength(1)
  })

  test('of a server that took the connection is waited for, others or not', () => {
    names['t.example'] = [PUBLIC, '20.0.0.2']
    serve(PUBLIC, { status: 200, body: bytes('first'), delayMs: HTTP_CONNECT_TIMEOUT + 1_000 })
    serve('20.0.0.2', { status: 200, body: bytes('second') })
    expect(fetch('http://t.example/')).toBe('200 first')
    expect(asked).toHaveLength(1)
  })

  test('comes from the other family when one leads nowhere', () => {
    names['t.example'] = ['2a00::1', '2a00::2', '2a00::3', '2a00::4', PUBLIC]
    for (const address of names['t.example'].slice(0, 4)) vanish(address)
    serve(PUBLIC, { status: 200, body: bytes('four') })
    expect(fetch('http://t.example/')).toBe('200 four')
    expect(took).toBeLessThan(HTTP_CONNECT_TIMEOUT + 100)
  })

  test('does not come from an address that nobody can have; others of the name are asked', () => {
    names['t.example'] = ['0.0.0.0', PUBLIC, '::']
    serve(PUBLIC, { status: 200, body: bytes('hello') })
    expect(fetch('http://t.example/')).toBe('200 hello')
    names['t.example'] = ['0.0.0.0', '::']
    expect(fetch('http://t.example/')).toBe('http.bad-url')
  })

  test('comes whole, however it was cut', () => {
    const text = 'abcdefghij'.repeat(100)
    for (const grain of [1, 3, 7, 999, 1_000]) {
      const client = inPieces(bytes(text), grain)
      expect(fetch(`http://${PUBLIC}/`, { client })).toBe(`200 ${text}`)
    }
    expect(fetch(`http://${PUBLIC}/`, { client: inPieces(bytes(`${text}!`), 1) })).toBe('http.oversize')
    expect(fetch(`http://${PUBLIC}/`, { client: inPieces(bytes(''), 1) })).toBe('200 ')
  })

  test.each([
    ['ftp://20.0.0.1/', 'http.bad-url'],
    ['http://nowhere.example/', 'net.unresolved'],
    ['http://0.0.0.0/', 'http.bad-url'],
    ['http://224.0.0.1/', 'http.bad-url'],
    ['http://[ff02::1]/', 'http.bad-url'],
  ])('is not asked for at %s', (url, code) => {
    expect(fetch(url)).toBe(code)
    expect(asked).toEqual([])
  })
})

describe('limits', () => {
  test.each([
    ['says that it is too long', { status: 200, headers: { 'content-length': '1001' }, body: bytes('x') }],
    ['is too long without saying so', { status: 200, body: new Uint8Array(1_001) }],
  ])('a body that %s is not taken', (_how, answer) => {
    serve(PUBLIC, answer)
    expect(fetch(`http://${PUBLIC}/`)).toBe('http.oversize')
  })

  test('one of the greatest length is', () => {
    serve(PUBLIC, { status: 200, body: bytes('x'.repeat(1_000)) })
    expect(fetch(`http://${PUBLIC}/`)).toBe(`200 ${'x'.repeat(1_000)}`)
  })

  test.each([
    ['never answers', () => undefined, 10_000],
    ['begins too late', () => ({ status: 200, delayMs: 10_500 }), 10_000],
    [
      'sends so slowly that it would take minutes',
      () => ({ status: 200, body: new Uint8Array(900), bytesPerSecond: 10 }),
      30_000,
    ],
  ])('a server that %s is given up', (_how, answer, after) => {
    serve(PUBLIC, answer)
    const before = clock.now()
    let at = 0
    fetchBody(
      { http, clock, resolver: { resolve() {} } },
      { question: { url: new URL(`http://${PUBLIC}/`) }, limits: LIMITS },
      (result) => {
        at = clock.now() - before
        expect(result).toMatchObject({ code: 'net.timeout' })
      },
    )
    clock.runUntil(60_000)
    expect(at).toBe(after)
  })

  test('the time behind our own requests to the same server does not count', () => {
    const client = behindOthers(15_000, { status: 200, body: bytes('at last'), delayMs: 9_000 })
    expect(fetch(`http://${PUBLIC}/`, { client })).toBe('200 at last')
    // What was used up before the turn came does.
    expect(fetch(`http://${PUBLIC}/`, { client: behindOthers(15_000, undefined) })).toBe('net.timeout')
    expect(took).toBe(15_000 + LIMITS.headTimeoutMs)
  })

  test('a connection that breaks is an error', () => {
    serve(PUBLIC, { status: 200, body: bytes('half and half'), breaksAfter: 4 })
    expect(fetch(`http://${PUBLIC}/`)).toBe('net.reset')
  })

  test('nothing is told after it was cancelled', () => {
    serve(PUBLIC, { status: 200, body: bytes('hello') })
    const cancel = fetchBody(
      { http, clock, resolver: { resolve() {} } },
      { question: { url: new URL(`http://${PUBLIC}/`) }, limits: LIMITS },
      () => expect.unreachable(),
    )
    cancel()
    clock.runUntil(60_000)
  })
})

describe('redirects', () => {
  test('are followed, relative ones too', () => {
    names['b.example'] = ['20.0.0.2']
    serve(PUBLIC, ({ url }) => (url.pathname === '/a' ? to('b', 301) : to('http://b.example:8080/c', 307)))
    serve('20.0.0.2', { status: 200, body: bytes('there') }, 8080)
    expect(fetch(`http://${PUBLIC}/a`)).toBe('200 there')
    expect(asked).toHaveLength(3)
  })

  test.each([
    ['private', '10.0.0.1', 'http.redirect'],
    ['this machine', '127.0.0.1', 'http.redirect'],
    ['a link', '169.254.1.1', 'http.redirect'],
    ['nobody', '0.0.0.0', 'http.bad-url'],
    ['another public server', '20.0.0.2', '200 x'],
  ])('from a public server lead to public ones only: %s', (_what, address, result) => {
    names['inner.example'] = [address]
    serve(PUBLIC, to('http://inner.example/'))
    serve(address, { status: 200, body: bytes('x') })
    expect(fetch(`http://${PUBLIC}/`)).toBe(result)
    // By its address as well as by its name.
    serve(PUBLIC, to(`http://${address}/`))
    expect(fetch(`http://${PUBLIC}/`)).toBe(result)
  })

  test('to a name with one address outside and one inside are not followed at all', () => {
    names['both.example'] = ['20.0.0.2', '10.0.0.1']
    serve(PUBLIC, to('http://both.example/'))
    serve('20.0.0.2', { status: 200 })
    expect(fetch(`http://${PUBLIC}/`)).toBe('http.redirect')
  })

  test('lead from this machine and from a private network anywhere outwards', () => {
    serve('127.0.0.1', to('http://10.0.0.1/'))
    serve('10.0.0.1', to('http://20.0.0.1/'))
    serve(PUBLIC, { status: 200, body: bytes('out') })
    expect(fetch('http://127.0.0.1/')).toBe('200 out')
  })

  test('keep user and password for the server that they were meant for', () => {
    const users = (request: HttpRequest): string => `${request.url.username}:${request.url.password}`
    const seen: string[] = []
    const watch =
      (answer: SimAnswer) =>
      (request: HttpRequest): SimAnswer => {
        seen.push(users(request))
        return request.url.pathname === '/end' ? { status: 200 } : answer
      }
    serve(PUBLIC, watch(to(`http://eve:x@${PUBLIC}/end`)))
    fetch(`http://me:secret@${PUBLIC}/`)
    serve(PUBLIC, watch(to('end')))
    fetch(`http://me:secret@${PUBLIC}/`)
    expect(seen.splice(0)).toEqual(['me:secret', 'me:secret', 'me:secret', 'me:secret'])
    serve(PUBLIC, watch(to('http://eve:x@20.0.0.2/end')))
    serve('20.0.0.2', watch({ status: 200 }))
    fetch(`http://me:secret@${PUBLIC}/`)
    serve(PUBLIC, watch(to(`http://eve:x@${PUBLIC}:8080/end`)))
    serve(PUBLIC, watch({ status: 200 }), 8080)
    fetch(`http://me:secret@${PUBLIC}/`)
    expect(seen).toEqual(['me:secret', ':', 'me:secret', ':'])
  })

  test('end after so many, and in no circle', () => {
    serve(PUBLIC, ({ url }) => to(`/${Number(url.pathname.slice(1)) + 1}`))
    expect(fetch(`http://${PUBLIC}/0`)).toBe('http.redirect')
    expect(asked).toHaveLength(1 + MAX_REDIRECTS)
  })

  test('do not give up encryption, and lead somewhere', () => {
    serve(PUBLIC, to('http://20.0.0.2/'), 443)
    expect(fetch(`https://${PUBLIC}/`)).toBe('http.redirect')
    serve(PUBLIC, { status: 302 })
    expect(fetch(`http://${PUBLIC}/`)).toBe('http.redirect')
    serve(PUBLIC, to('file:///etc/passwd'))
    expect(fetch(`http://${PUBLIC}/`)).toBe('http.bad-url')
  })
})
