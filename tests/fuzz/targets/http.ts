import { SimClock } from '../../../src/app/sim/clock.ts'
import { isNarrower, scopeOf, type Family } from '../../../src/protocol/endpoint.ts'
import { SwarmError } from '../../../src/protocol/errors.ts'
import { fetchBody, type BodyAnswer } from '../../../src/protocol/http-body.ts'
import { MAX_HTTP_ADDRESSES, MAX_REDIRECTS } from '../../../src/protocol/http-request.ts'
import type { HttpRequest } from '../../../src/protocol/ports.ts'
import { claim } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { ScriptedHttp } from '../scripted-http.ts'

const MAX_BYTES = 60_000
/** All time limits of a question together, and more. */
const LONG = 1_000_000
const CODES: ReadonlySet<string> = new Set([
  'http.bad-url',
  'http.redirect',
  'http.oversize',
  'net.unresolved',
  'net.refused',
  'net.reset',
  'net.timeout',
])

export const target: FuzzTarget = {
  sources: ['protocol/http-body.ts', 'protocol/http-request.ts'],
  words: [
    'http://',
    'https://',
    'u:p@',
    '//pub',
    '//lan/',
    '//loop',
    '//both',
    '//six:8',
    '//bogus',
    '//none',
    '127.1',
    '[::1]',
    '[::ffff:10.0.0.1]',
    '0x7f.1',
    '301|location: ',
    '307|location: /x|',
    '200||10',
    '200|content-length: 99999|1',
    '\n',
    '/..',
    '@',
    '#',
    '?',
  ],
  maxAllocation: () => 2 ** 23,

  // The first line is the question: a family and a URL.
  seeds: () =>
    [
      '4 http://pub/a\n200||100',
      '0 http://u:p@pub/a\n301|location: /b|\n302|location: http://six/|\n200||10',
      '0 https://pub/a\n301|location: http://pub/|',
      '0 http://pub/\n301|location: http://lan/|\n200||5',
      '0 http://lan/\n308|location: http://10.0.0.9:8080/x|\n307|location: http://u:p@[fd00::1]/|\n200||7',
      '6 http://pub/\n200|content-length: 70000|5',
      '0 http://pub/\n200||70000',
      '0 http://both/\n200||50!',
      '0 ftp://pub/',
      '0 http://none/\n',
      `0 http://pub/\n${'301|location: /|\n'.repeat(7)}200||1`,
    ].map(latin1),

  run(data) {
    const [question = '', ...lines] = Buffer.from(data).toString('latin1').split('\n')
    const [, digit, text] = /^([046]) (.*)$/.exec(question) ?? []
    const url = text === undefined ? null : URL.parse(text)
    if (url === null) return
    const clock = new SimClock()
    const http = new ScriptedHttp(lines, clock)
    const results: (BodyAnswer | Error)[] = []
    const family = digit === '0' ? undefined : (Number(digit) as Family)
    fetchBody(
      { http, resolver: http, clock },
      {
        question: { url, family },
        limits: { maxBytes: MAX_BYTES, headTimeoutMs: 10_000, totalTimeoutMs: 30_000 },
      },
      (result) => results.push(result),
    )
    claim(results.at(0) === undefined, 'the answer comes in a later turn')
    clock.runUntil(LONG)
    claim(results.length === 1, `one result, not ${results.length}`)
    const [result] = results
    if (result instanceof Error)
      claim(
        result instanceof SwarmError && CODES.has(result.code),
        `an error that is documented: ${String(result)}`,
      )
    else claim(result!.body.length <= MAX_BYTES, 'a body of bearable length')
    claimRequests(http, family)
  },
}

function claimRequests({ requests, statuses }: ScriptedHttp, family: Family | undefined): void {
  claim(requests.length <= (MAX_REDIRECTS + 1) * MAX_HTTP_ADDRESSES, 'requests are few')
  const [first] = requests
  let teller: HttpRequest | undefined
  for (const request of requests) {
    const { url, address } = request
    claim(url.protocol === 'http:' || url.protocol === 'https:', 'a scheme that is fetched')
    claim(scopeOf(address) !== 'bogus', 'an address that somebody can have')
    claim(
      family === undefined || (family === 6) === address.includes(':') || /^\[|^[\d.]+$/.test(url.hostname),
      'the family',
    )
    if (teller !== undefined && teller.url.href !== url.href) {
      claim(!isNarrower(scopeOf(address), scopeOf(teller.address)), 'nobody is sent into a narrower network')
      claim(teller.url.protocol === 'http:' || url.protocol === 'https:', 'encryption is not given up')
      const isSecret = url.username !== '' || url.password !== ''
      claim(!isSecret || url.origin === teller.url.origin, 'who we are is said to nobody else')
      claim(
        !isSecret || (url.username === first!.url.username && url.password === first!.url.password),
        'nor are we made somebody else',
      )
    }
    teller = request
  }
  claim(statuses.length <= requests.length, 'one head for a request')
}
