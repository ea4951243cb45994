/** Trackers and web seeds that mean harm: a leecher has all of them at once, and an honest seeder that is slow. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { encodeBit } from '../../src/app/library.ts'
import { drip, forever, HostileServer, HostileUdp, type Treatment } from './hostile-server.ts'
import { peak, restartPeak } from './resident-memory.ts'
import { MAX_GROWTH, MiB, PATIENCE_MS, Siege } from './siege.ts'

const BOMB = gzipSync(new Uint8Array(512 * MiB))
const ZEROS = new Uint8Array(64 * 1024)
const OK = 'HTTP/1.1 200 OK\r\n'

let siege: Siege
let seeder: string
const servers: { close(): void }[] = []
/** MiB at most of a leecher that nobody attacks. */
let usual: number
let leechers = 0
beforeAll(async () => {
  siege = await Siege.lay(6 * MiB)
  seeder = (await siege.seeder('-max-up', '3MiB')).address
  usual = (await leech('quiet', [], 0)).peak
})
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})
afterAll(() => siege.lift())

const body = (text: string): string => `${OK}Content-Length: ${text.length}\r\n\r\n${text}`

/** What a tracker answers, and what is said of it: an error code, or `announce`. */
const TRACKERS: readonly (readonly [string, Treatment, string])[] = [
  ['a body without end', (s) => forever((s.write(`${OK}\r\n`), s), ZEROS), 'http.oversize'],
  [
    'chunks without end',
    (s) =>
      forever((s.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`), s), `10000\r\n${'\0'.repeat(65_536)}\r\n`),
    'http.oversize',
  ],
  [
    'a bomb',
    (s) =>
      s.end(
        Buffer.concat([
          Buffer.from(`${OK}Content-Encoding: gzip\r\nContent-Length: ${BOMB.length}\r\n\r\n`),
          BOMB,
        ]),
      ),
    'http.oversize',
  ],
  ['headers without end', (s) => forever((s.write(OK), s), 'X-Header: y\r\n'), 'net.failed'],
  ['one header of megabytes', (s) => s.write(`${OK}X: ${'y'.repeat(4 * MiB)}\r\n\r\n`), 'net.failed'],
  [
    'a hundred thousand times 100 Continue',
    (s) => s.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(100_000)),
    'net.timeout',
  ],
  [
    'another protocol',
    (s) => s.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    '',
  ],
  [
    'redirects in a circle',
    (s, question) =>
      s.write(`HTTP/1.1 302 Found\r\nLocation: ${question.split(' ')[1]}x\r\nContent-Length: 0\r\n\r\n`),
    'http.redirect',
  ],
  [
    'a redirect to a file',
    (s) => s.write('HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n'),
    'http.bad-url',
  ],
  ['a drip', (s) => drip(s, OK), 'net.timeout'],
  ['silence', () => {}, 'net.timeout'],
  ['a reset', (s) => s.resetAndDestroy(), 'net.reset'],
  ['no HTTP', (s) => s.end(randomBytes(10_000)), 'net.failed'],
  ['lists in lists', (s) => s.write(body('l'.repeat(500_000))), 'tracker.malformed'],
  [
    'a failure in colour',
    (s) => s.write(body('d14:failure reason22:\u001b[2J\u001b]0;evil\u0007 no no noe')),
    'tracker.failure',
  ],
  ['peers cut short', (s) => s.write(body('d8:intervali1e5:peers5:abcdee')), ''],
  [
    'an interval before the Big Bang',
    (s) => s.write(body('d8:intervali-9223372036854775808e5:peers0:e')),
    'announce',
  ],
  [
    '150,000 peers',
    (s) =>
      s.write(body(`d8:intervali1e5:peers900000:${'\u007f\u0042\u0042\u0042\u0000\u0001'.repeat(150_000)}e`)),
    'announce',
  ],
]

test('trackers over HTTP', async () => {
  const opened = await Promise.all(TRACKERS.map(([, treat]) => HostileServer.open(treat)))
  servers.push(...opened)
  const flags = opened.flatMap(({ url }) => ['-tracker', `${url}/announce`])
  const lines = await withstand(flags, 12_000)
  for (const [at, [name, , code]] of TRACKERS.entries()) {
    const host = opened[at]!.url.replace('http://', '')
    const said = lines.filter(
      ({ event, tracker }) => event.startsWith('tracker_') && String(tracker).includes(host),
    )
    const what = said.map(({ event, code }) => (event === 'tracker_announce' ? 'announce' : code))
    if (code === '') expect(what.length, name).toBeGreaterThan(0)
    else expect(what, name).toContain(code)
  }
})

test('trackers over UDP', async () => {
  const transaction = (question: Buffer): Buffer => question.subarray(12, 16)
  const connected = (question: Buffer): Buffer =>
    Buffer.concat([Buffer.alloc(4), transaction(question), randomBytes(8)])
  const isConnect = (question: Buffer): boolean => question.length === 16
  const action = (kind: number): Buffer => Buffer.from([0, 0, 0, kind])
  const answers: readonly ((question: Buffer) => readonly Buffer[])[] = [
    () => [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(7)],
    () => Array.from({ length: 5_000 }, () => randomBytes(16)),
    (question) => [Buffer.concat([action(0), transaction(question), Buffer.alloc(60_000)])],
    (question) => [Buffer.concat([action(3), transaction(question), Buffer.from('\u001b[2J\u202eno')])],
    (question) =>
      isConnect(question)
        ? [connected(question)]
        : [Buffer.concat([action(1), transaction(question), Buffer.alloc(3)])],
    (question) =>
      isConnect(question)
        ? [connected(question)]
        : [
            Buffer.concat([
              action(1),
              transaction(question),
              Buffer.alloc(12, 255),
              Buffer.alloc(60_000, 66),
            ]),
          ],
    (question) =>
      isConnect(question)
        ? [connected(question)]
        : [Buffer.concat([action(9), transaction(question), Buffer.alloc(12)])],
  ]
  const opened = await Promise.all(answers.map((answer) => HostileUdp.open(answer)))
  servers.push(...opened)
  await withstand(opened.flatMap(({ url }) => ['-tracker', `${url}/announce`]))
})

test('web seeds', async () => {
  const partial = 'HTTP/1.1 206 Partial Content\r\n'
  const rangeOf = (question: string): string => /bytes=(\d+-\d+)/.exec(question)![1]!
  const treatments: readonly Treatment[] = [
    (s) => forever((s.write(`${OK}\r\n`), s), ZEROS),
    (s, question) =>
      forever((s.write(`${partial}Content-Range: bytes ${rangeOf(question)}/6291456\r\n\r\n`), s), ZEROS),
    (s, question) =>
      s.end(
        Buffer.concat([
          Buffer.from(
            `${partial}Content-Encoding: gzip\r\nContent-Range: bytes ${rangeOf(question)}/6291456\r\n\r\n`,
          ),
          BOMB,
        ]),
      ),
    (s) =>
      s.write(`${partial}Content-Range: bytes 0-99999999999999999999/5\r\nContent-Length: 5\r\n\r\nhello`),
    (s) => s.write(`${partial}Content-Range: bytes -1--5/\u00ff\r\nContent-Length: 5\r\n\r\nhello`),
    (s) => s.write('HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999\r\nContent-Length: 0\r\n\r\n'),
    (s) => forever((s.write('HTTP/1.1 404 Not Found\r\n\r\n'), s), ZEROS),
    (s) => drip(s, partial),
    () => {},
    (s) => s.resetAndDestroy(),
  ]
  const opened = await Promise.all(treatments.map((treat) => HostileServer.open(treat)))
  servers.push(...opened)
  const webSeeds = opened.map(({ url }) => `${url}/payload.bin`)
  writeFileSync(siege.path('payload.bin.bit'), encodeBit({ ...siege.metainfo, webSeeds }))
  await withstand([], 1_000)
  expect(opened.filter(({ asked }) => asked > 0)).toHaveLength(opened.length)
})

/** A leecher gets everything all the same, and no larger than one that has only the honest seeder. @returns its lines */
async function withstand(flags: readonly string[], andGoesOnMs = 1_000) {
  const attacked = await leech(`attacked-${++leechers}`, flags, andGoesOnMs)
  const growth = attacked.peak - usual
  process.stdout.write(`${expect.getState().currentTestName}: ${growth.toFixed(0)} MiB more\n`)
  expect(growth, 'MiB of growth').toBeLessThan(MAX_GROWTH)
  return attacked.lines
}

async function leech(name: string, flags: readonly string[], andGoesOnMs: number) {
  const words = [
    '-get',
    'payload.bin.bit',
    '-peer',
    seeder,
    '-dest',
    name,
    '-keep',
    '-1',
    '-tcp-listen',
    '127.0.0.1:0',
  ]
  const leecher = siege.start(name, [...words, ...flags])
  restartPeak(leecher.pid!)
  const lines: { event: string; [field: string]: unknown }[] = []
  leecher.onEvent((line) => lines.push(line))
  await leecher.waitFor('complete', PATIENCE_MS)
  await new Promise((resolve) => setTimeout(resolve, andGoesOnMs))
  expect(siege.isIntact(name)).toBe(true)
  expect(leecher.isRunning).toBe(true)
  const high = peak(leecher.pid!)
  expect(await leecher.stop()).toBe(0)
  return { lines, peak: high }
}
