/**
 * The life of a node's process: `start` is the first line of the log and `exit` the last, whatever happens between.
 * Signals, a vanished reader and errors all end it the same way, in order and in time.
 */
import { type LogLevel, type NodeEvent } from '../src/app/event-level.ts'
import { StorageError, SwarmError } from '../src/app/library.ts'
import { EventLog } from '../src/app/logger.ts'
import { SystemClock } from '../src/app/node/clock.ts'
import type { Env } from './env.ts'
import { EXIT_BROKEN_PIPE, EXIT_OK, EXIT_STORAGE, EXIT_UNEXPECTED, exitCodeOf } from './exit-code.ts'
import { complain } from './main.ts'

/** After a signal the process is gone within this time. */
const STOP_DEADLINE_MS = 5_000
/** Of that, what the node may take to say goodbye; the rest is for the log. */
const CLOSE_DEADLINE_MS = 4_000
/** After an error that nobody caught, the time for the log's last lines. */
const CRASH_DEADLINE_MS = 1_000

/** What a pipe, a socket and a terminal answer when nobody is at their other end. */
const GONE = new Set(['EPIPE', 'ECONNRESET', 'EIO'])

/** Why work was told to end before it was done. */
class Stopped extends Error {}

/** What the work of a process can do. */
export interface Life {
  readonly clock: SystemClock
  /** Aborted with {@link Stopped}. */
  readonly signal: AbortSignal
  emit(event: NodeEvent): void
  /** Seconds since the process began its work. */
  uptimeSeconds(): number
  /** The exit code when the user stops it now. */
  codeWhenStopped: number
  /** SIGUSR2. */
  onStats: () => void
  /** SIGHUP. */
  onReannounce: () => void
  /** What is to be done before the last line. */
  onClose: (hasFailed: boolean) => Promise<void>
  /** Before a line for people is written. */
  onMessage: () => void
}

/**
 * @param work resolves with the reason why it is over
 * @returns the exit code
 */
export async function live(
  env: Env,
  level: LogLevel,
  work: (life: Life) => Promise<string>,
): Promise<number> {
  const clock = new SystemClock()
  const startedAt = clock.now()
  const stop = new AbortController()
  /** When the log cannot be written any more. */
  let codeOfBrokenLog: number | undefined
  const log = new EventLog({
    clock,
    level,
    fd: env.logFd,
    onBroken(error: NodeJS.ErrnoException) {
      if (GONE.has(error.code ?? '')) {
        codeOfBrokenLog = EXIT_BROKEN_PIPE
        stop.abort(new Stopped('the reader of the log went away'))
      } else {
        codeOfBrokenLog = EXIT_STORAGE
        life.onMessage()
        complain(env, new StorageError('disk.io', `cannot write the log: ${error.message}`))
        stop.abort(new Stopped('the log cannot be written'))
      }
    },
  })
  const life: Life = {
    clock,
    signal: stop.signal,
    emit: (event) => log.write(event),
    uptimeSeconds: () => Math.round(clock.now() - startedAt) / 1_000,
    codeWhenStopped: EXIT_OK,
    onStats: () => {},
    onReannounce: () => {},
    onClose: () => Promise.resolve(),
    onMessage: () => {},
  }
  const exitEvent = (code: number): NodeEvent => ({
    event: 'exit',
    code,
    uptimeSeconds: life.uptimeSeconds(),
  })
  const closeAndExit = async (): Promise<void> => {
    await log.close(exitEvent(EXIT_UNEXPECTED))
    env.exit(EXIT_UNEXPECTED)
  }
  const offSignals = env.onSignals({
    onStop(signal) {
      if (stop.signal.aborted) return env.interrupt()
      stop.abort(new Stopped(signal))
      clock.after(STOP_DEADLINE_MS, () => env.interrupt())
    },
    onStats: () => life.onStats(),
    onReannounce: () => life.onReannounce(),
  })
  const offCrash = env.onCrash((error) => {
    life.onMessage()
    complain(env, error)
    log.write(errorEvent(error))
    clock.after(CRASH_DEADLINE_MS, () => env.interrupt())
    void closeAndExit()
  })
  let code: number = EXIT_OK
  let reason: string
  let hasFailed = false
  try {
    reason = await work(life)
  } catch (error) {
    if (error instanceof Stopped) {
      code = life.codeWhenStopped
      reason = error.message
    } else {
      code = exitCodeOf(error)
      reason = 'error'
      hasFailed = true
      life.onMessage()
      complain(env, error)
      log.write(errorEvent(error))
    }
  }
  log.write({ event: 'stopping', reason })
  const isClosed = await Promise.race([
    life.onClose(hasFailed).then(() => true),
    new Promise<false>((resolve) => clock.after(CLOSE_DEADLINE_MS, () => resolve(false))),
  ])
  await log.close(exitEvent(codeOfBrokenLog ?? code))
  // A disk that does not answer holds a thread.
  if (!isClosed) env.leave(codeOfBrokenLog ?? code)
  offSignals()
  offCrash()
  return codeOfBrokenLog ?? code
}

/** Waits for `promise`, or throws {@link Stopped} as soon as the user wants the process to end. */
export async function unlessStopped<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Stopped), { once: true })
    promise.then(resolve, reject)
  })
}

function errorEvent(error: unknown): NodeEvent {
  if (error instanceof SwarmError) {
    const { code, family, message } = error
    return { event: 'error', code, family, message } as NodeEvent
  }
  const isOurs = error instanceof Error && error.name === 'InvariantError'
  return {
    event: 'error',
    code: 'unexpected',
    family: isOurs ? 'InvariantError' : 'Error',
    message: error instanceof Error ? error.message : String(error),
  }
}
