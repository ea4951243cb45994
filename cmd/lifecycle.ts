/**
 * The life of a node's process: `start` is the first line of the log and `exit` the last, whatever happens between.
 * Signals, a reader of stdout that went away, and errors all end it the same way: cleanly and in time.
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
/** The part of it in which the node may close its connections; the rest is for the log. */
const CLOSE_DEADLINE_MS = 4_000
/** After an error that nobody caught, the time for the log's last lines. */
const CRASH_DEADLINE_MS = 1_000

/** Errors of a pipe, a socket and a terminal whose other end has gone. */
const GONE = new Set(['EPIPE', 'ECONNRESET', 'EIO'])

/** Why work was told to end early. */
class Stopped extends Error {}

/** How it ended. */
interface End {
  readonly code: number
  readonly reason: string
  readonly hasFailed: boolean
}

/** What the work of a process may use. */
export interface Life {
  readonly clock: SystemClock
  /** Aborted with {@link Stopped}. */
  readonly signal: AbortSignal
  emit(event: NodeEvent): void
  /** Seconds since the process began its work. */
  uptimeSeconds(): number
  /** The exit code if the user stops it now. */
  codeWhenStopped: number
  /** SIGUSR2. */
  onStats: () => void
  /** SIGHUP. */
  onReannounce: () => void
  /** Called before the last line. */
  onClose: (hasFailed: boolean) => Promise<void>
  /** Called before a line for people is written. */
  onMessage: () => void
}

/**
 * @param work resolves with the reason for its end
 * @returns the exit code
 */
export async function live(
  env: Env,
  level: LogLevel,
  work: (life: Life) => Promise<string>,
): Promise<number> {
  return new ProcessLife(env, level).live(work)
}

class ProcessLife implements Life {
  readonly clock = new SystemClock()
  codeWhenStopped: number = EXIT_OK
  onStats = (): void => {}
  onReannounce = (): void => {}
  onClose: Life['onClose'] = () => Promise.resolve()
  onMessage = (): void => {}
  readonly emit: Life['emit']
  readonly #env: Env
  readonly #log: EventLog
  readonly #startedAt = this.clock.now()
  readonly #stop = new AbortController()
  /** When the log cannot be written any more. */
  #codeOfBrokenLog: number | undefined

  constructor(env: Env, level: LogLevel) {
    this.#env = env
    this.#log = new EventLog({
      clock: this.clock,
      level,
      fd: env.logFd,
      onBroken: (error) => this.#onBrokenLog(error),
    })
    this.emit = (event) => this.#log.write(event)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  uptimeSeconds(): number {
    return Math.round(this.clock.now() - this.#startedAt) / 1_000
  }

  async live(work: (life: Life) => Promise<string>): Promise<number> {
    const env = this.#env
    const offSignals = env.onSignals({
      onStop: (signal) => this.#onStop(signal),
      onStats: () => this.onStats(),
      onReannounce: () => this.onReannounce(),
    })
    const offCrash = env.onCrash((error) => this.#onCrash(error))
    let end: End
    try {
      end = { code: EXIT_OK, reason: await work(this), hasFailed: false }
    } catch (error) {
      end = this.#endOf(error)
    }
    const code = await this.#close(end)
    offSignals()
    offCrash()
    return code
  }

  /** The verdict on the process after the error that ended its work; reports it, unless the user asked it to stop. */
  #endOf(error: unknown): End {
    if (error instanceof Stopped)
      return { code: this.codeWhenStopped, reason: error.message, hasFailed: false }
    this.#tell(error)
    return { code: exitCodeOf(error), reason: 'error', hasFailed: true }
  }

  /** @returns the exit code: a log that broke takes precedence */
  async #close({ code, reason, hasFailed }: End): Promise<number> {
    this.emit({ event: 'stopping', reason })
    const isClosed = await Promise.race([
      this.onClose(hasFailed).then(() => true),
      new Promise<false>((resolve) => this.clock.after(CLOSE_DEADLINE_MS, () => resolve(false))),
    ])
    await this.#closeLog(this.#codeOfBrokenLog ?? code)
    // A disk that does not answer blocks a thread.
    if (!isClosed) this.#env.leave(this.#codeOfBrokenLog ?? code)
    return this.#codeOfBrokenLog ?? code
  }

  #onStop(signal: string): void {
    if (this.signal.aborted) return this.#env.interrupt()
    this.#stop.abort(new Stopped(signal))
    this.clock.after(STOP_DEADLINE_MS, () => this.#env.interrupt())
  }

  #onCrash(error: unknown): void {
    this.#tell(error)
    this.clock.after(CRASH_DEADLINE_MS, () => this.#env.interrupt())
    const exit = async (): Promise<void> => {
      await this.#closeLog(EXIT_UNEXPECTED)
      this.#env.exit(EXIT_UNEXPECTED)
    }
    void exit()
  }

  #onBrokenLog(error: NodeJS.ErrnoException): void {
    if (GONE.has(error.code ?? '')) {
      this.#codeOfBrokenLog = EXIT_BROKEN_PIPE
      this.#stop.abort(new Stopped('the reader of the log went away'))
    } else {
      this.#codeOfBrokenLog = EXIT_STORAGE
      this.onMessage()
      complain(this.#env, new StorageError('disk.io', `cannot write the log: ${error.message}`))
      this.#stop.abort(new Stopped('the log cannot be written'))
    }
  }

  /** People and the log. */
  #tell(error: unknown): void {
    this.onMessage()
    complain(this.#env, error)
    this.emit(errorEvent(error))
  }

  #closeLog(code: number): Promise<void> {
    return this.#log.close({ event: 'exit', code, uptimeSeconds: this.uptimeSeconds() })
  }
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
