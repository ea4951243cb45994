/** A process that is none: arguments in, what it says and the lines of its log out. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Env } from '../../cmd/env.ts'
import { main } from '../../cmd/main.ts'
import type { SignalHandlers } from '../../src/app/node/signals.ts'

export interface FakeEnv extends Env {
  readonly said: () => string
  readonly printed: () => string
  /** Set while the program listens to signals. */
  signals: SignalHandlers | undefined
  interrupted: number
}

export function fakeEnv(args: readonly string[], more: Partial<Env> = {}): FakeEnv {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const env: FakeEnv = {
    args,
    variables: {},
    cwd: '/nowhere',
    stdout,
    stderr,
    logFd: -1,
    pid: 4242,
    nodeVersion: '24.0.0',
    rss: () => 1,
    heapUsed: () => 1,
    activeResources: () => ({ timers: 1, handles: 1 }),
    signals: undefined,
    interrupted: 0,
    onSignals(handlers) {
      env.signals = handlers
      return () => (env.signals = undefined)
    },
    async runAgain(args) {
      const { code, stdout, stderr } = await runProgram(args)
      return { code, stdout, stderr, reason: '' }
    },
    onCrash: () => () => {},
    exit: () => {},
    interrupt: () => env.interrupted++,
    leave: () => {},
    said: () => String(stderr.read() ?? ''),
    printed: () => String(stdout.read() ?? ''),
    ...more,
  }
  return env
}

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The event log, parsed. */
  readonly log: readonly { readonly event: string; readonly [field: string]: unknown }[]
}

/** Runs the program in this process, in a folder of its own unless `cwd` says otherwise. */
export async function runProgram(args: readonly string[], more: Partial<Env> = {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'bitswarm-cmd-'))
  const logFd = openSync(join(folder, '.log'), 'a')
  try {
    const env = fakeEnv(args, { cwd: folder, ...more, logFd })
    const code = await main(env)
    const log = readFileSync(join(folder, '.log'), 'utf8')
    return {
      code,
      stdout: env.printed(),
      stderr: env.said(),
      log:
        log === ''
          ? []
          : log
              .trimEnd()
              .split('\n')
              .map((line) => JSON.parse(line)),
    }
  } finally {
    try {
      closeSync(logFd)
    } catch {
      // the log has closed it
    }
    rmSync(folder, { recursive: true })
  }
}
