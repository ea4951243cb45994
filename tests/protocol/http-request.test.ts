/** HTTP questions: which address is asked, which redirect is followed, how long and how much is borne. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SimHttp, type SimAnswer, type SimServer } from '../../src/app/sim/http.ts'
import { fetchBody, type BodyAnswer } from '../../src/protocol/http-body.ts'
import { MAX_REDIRECTS } from '../../src/protocol/http-request.ts'
import type { HttpRequest } from '../../src/protocol/ports.ts'

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
): void {
  const server: SimServer = (request) => {
    asked.push(`${request.url.href} at ${request.address}`)
    return typeof answer === 'function' ? answer(request) : answer
  }
  http.serve(address, port, server)
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const to = (location: string, status = 302): SimAnswer => ({ status, headers: { location } })

/** @returns what came of it: status and text, or the code of the error */
function fetch(url: string, family?: 4 | 6): string {
  const ports = {
    http,
    clock,
    resolver: {
      resolve: (host: string, _family: unknown, onResult: (addresses: readonly string[]) => void) =>
        onResult(names[host] ?? []),
    },
  }
  const results: (BodyAnswer | Error)[] = []
  const question = { url: new URL(url), ...(family && { family }) }
  fetchBody(ports, { question, limits: LIMITS }, (result) => results.push(result))
  expect(results).toEqual([])
  clock.runUntil(clock.now() + 120_000)
  expect(results).toHaveLength(1)
  const [result] = results
  if (result instanceof Error) return (result as Error & { code: string }).code
  return `${result!.status} ${new TextDecoder().decode(result!.body)}`
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
    expect(fetch('http://t.example/', 6)).toBe('200 six')
    names['t.example'] = [PUBLIC]
    expect(fetch('http://t.example/', 6)).toBe('net.unresolved')
  })

  test('comes from the next address when one does not take the connection; three are tried', () => {
    names['t.example'] = ['20.0.0.7', '20.0.0.8', PUBLIC]
    serve(PUBLIC, { status: 200, body: bytes('third') })
    expect(fetch('http://t.example/')).toBe('200 third')
    names['t.example'] = ['20.0.0.7', '20.0.0.8', '20.0.0.9', PUBLIC]
    expect(fetch('http://t.example/')).toBe('net.refused')
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
    ['nobody', '0.0.0.0', 'http.redirect'],
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
