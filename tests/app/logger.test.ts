/** The log never waits for its reader, and loses nothing to one that is merely slow. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { NodeEvent } from '../../src/app/event-level.ts'
import { EventLog } from '../../src/app/logger.ts'
import { SimClock } from '../../src/app/sim/clock.ts'

const LAST: NodeEvent = { event: 'exit', code: 0, uptimeSeconds: 1 }
const request = (piece: number): NodeEvent => ({ event: 'request', piece, peer: '127.0.0.1:20001' })

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-log-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function openLog(fd: number, more: Partial<ConstructorParameters<typeof EventLog>[0]> = {}): EventLog {
  const onBroken = (error: Error): void => {
    throw error
  }
  return new EventLog({
    clock: new SimClock(Date.UTC(2026, 3, 27, 15, 41, 9, 987)),
    level: 'info',
    fd,
    onBroken,
    ...more,
  })
}

/** A pipe with a name: both ends can be held by this process. */
function makePipe(): { readonly readFd: number; readonly writeFd: number } {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { readFd, writeFd: openSync(path, constants.O_WRONLY) }
}

test('a line has level, whole seconds in UTC, and the event as it is', async () => {
  const path = join(folder, 'log')
  const log = openLog(openSync(path, 'w'))
  log.write(request(42))
  await log.close(LAST)
  expect(readFileSync(path, 'utf8').split('\n')).toEqual([
    '{"level":"info","ts":"2026-04-27T15:41:09Z","event":"request","piece":42,"peer":"127.0.0.1:20001"}',
    '{"level":"info","ts":"2026-04-27T15:41:09Z","event":"exit","code":0,"uptimeSeconds":1}',
    '',
  ])
})

test('no control character of a stranger’s name gets through, and none is lost', async () => {
  const path = join(folder, 'log')
  const log = openLog(openSync(path, 'w'))
  const client = '\u001B[2J\u009B31m\u007F ok'
  log.write({ event: 'joined_to_peer', peer: '127.0.0.1:1', direction: 'in', client })
  await log.close(LAST)
  const [line] = readFileSync(path, 'utf8').split('\n')
  expect(line).not.toMatch(/\p{Cc}/u)
  expect(JSON.parse(line!)).toMatchObject({ client })
})

test('a silent log writes nothing, not even the last line', async () => {
  const path = join(folder, 'log')
  const log = openLog(openSync(path, 'w'), { level: 'silent' })
  log.write(request(1))
  await log.close(LAST)
  expect(readFileSync(path, 'utf8')).toBe('')
})

test('the time follows the clock', async () => {
  const path = join(folder, 'log')
  const clock = new SimClock(Date.UTC(2026, 0, 1))
  const log = openLog(openSync(path, 'w'), { clock })
  for (let second = 0; second < 3; second++) {
    log.write(request(second))
    clock.runUntil((second + 1) * 1_000)
  }
  await log.close(LAST)
  expect(readFileSync(path, 'utf8').match(/T[\d:]+Z/g)).toEqual([
    'T00:00:00Z',
    'T00:00:01Z',
    'T00:00:02Z',
    'T00:00:03Z',
  ])
})

test('levels below the chosen one are left out', async () => {
  const path = join(folder, 'log')
  const log = openLog(openSync(path, 'w'), { level: 'warn' })
  log.write(request(1))
  log.write({ event: 'hash_fail', piece: 1, peers: [] })
  await log.close(LAST)
  expect(readFileSync(path, 'utf8')).toMatch(/^\{"level":"warn"[^\n]*"hash_fail"[^\n]*\n$/)
})

test('a slow reader gets every line', async () => {
  const { readFd, writeFd } = makePipe()
  const log = openLog(writeFd)
  const lines = 20_000 // some 2 MB: far more than a pipe holds
  for (let piece = 0; piece < lines - 1; piece++) log.write(request(piece))
  const closed = log.close(LAST)
  let text = ''
  let isClosed = false
  void closed.then(() => (isClosed = true))
  while (!isClosed) {
    text += readAvailable(readFd)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  text += readAvailable(readFd)
  closeSync(readFd)
  const pieces = text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { piece?: number }).piece)
  expect(pieces).toEqual([...Array.from({ length: lines - 1 }, (_, piece) => piece), undefined])
})

test('a stalled reader does not stop the event loop; what it misses is counted, and the last line is not lost', async () => {
  const { readFd, writeFd } = makePipe()
  const log = openLog(writeFd)
  const name = 'x'.repeat(1_000)
  const lines = 20_000 // 20 MB: more than may wait
  for (let i = 0; i < lines; i++) log.write({ event: 'peer_failed', peer: `${name}:1`, reason: name })
  // Whoever wrote to a full pipe and waited would wait here for ever: nobody reads yet.
  let turns = 0
  for (; turns < 10; turns++) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(turns).toBe(10)

  let isClosed = false
  void log.close(LAST).then(() => (isClosed = true))
  let text = ''
  while (!isClosed) {
    text += readAvailable(readFd)
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  text += readAvailable(readFd)
  closeSync(readFd)
  const events = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; lines?: number })
  const written = events.filter(({ event }) => event === 'peer_failed').length
  expect(events.at(-1)?.event).toBe('exit')
  expect(events.at(-2)).toMatchObject({ event: 'log_dropped', lines: lines - written })
  expect(written).toBeLessThan(lines)
})

test('a reader that goes away is reported once, and the log can be closed all the same', async () => {
  const { readFd, writeFd } = makePipe()
  const errors: string[] = []
  const { promise: broken, resolve: breakDown } = Promise.withResolvers<void>()
  const log = openLog(writeFd, {
    onBroken: (error) => {
      errors.push((error as NodeJS.ErrnoException).code ?? '')
      breakDown()
    },
  })
  closeSync(readFd)
  log.write(request(1))
  await broken
  log.write(request(2)) // nobody hears it; nothing throws
  await log.close(LAST)
  expect(errors).toEqual(['EPIPE'])
})

function readAvailable(fd: number): string {
  const buffer = Buffer.alloc(256 * 1024)
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return ''
    throw error
  }
}
