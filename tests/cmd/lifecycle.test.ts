import { openSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { live, unlessStopped } from '../../cmd/lifecycle.ts'
import { fakeEnv } from './fake-env.ts'

/** Closed by the log. */
let logFd: number
beforeEach(() => {
  logFd = openSync('/dev/null', 'a')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Ends at once and then needs so long to say goodbye. @returns the codes with which it left by force */
async function liveAndClose(close: () => Promise<void>): Promise<{ code: number; left: number[] }> {
  const left: number[] = []
  const env = fakeEnv([], { logFd, leave: (code) => left.push(code) })
  const ended = live(env, 'silent', (life) => {
    life.onClose = close
    return Promise.resolve('done')
  })
  await vi.advanceTimersByTimeAsync(4_000)
  return { code: await ended, left }
}

test('a node that says goodbye in time ends in order', async () => {
  expect(await liveAndClose(() => Promise.resolve())).toEqual({ code: 0, left: [] })
})

test('one that a disk holds up leaves without it, with the code that it would have had', async () => {
  expect(await liveAndClose(() => new Promise(() => {}))).toEqual({ code: 0, left: [0] })
})

test('a log for which there is no room ends it as a storage failure, and not as a reader that went away', async () => {
  const env = fakeEnv([], { logFd: openSync('/dev/full', 'a') })
  const code = await live(env, 'info', (life) => {
    life.emit({ event: 'log_dropped', lines: 1 })
    return unlessStopped(life.signal, new Promise<never>(() => {}))
  })
  expect(code).toBe(5)
  expect(env.said()).toMatch(/^bitswarm: cannot write the log: ENOSPC: .*\n$/)
})
