/** A bitswarm process as another program sees it: arguments in, JSON lines out, a signal to stop it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The command from this checkout's source, and as `npm run build` makes it. */
export const FROM_SOURCE = fileURLToPath(new URL('../cmd/bitswarm.ts', import.meta.url))
export const FROM_DIST = fileURLToPath(new URL('../dist/cmd/launcher.js', import.meta.url))

/** One line of the event stream; which fields there are depends on `event`. */
export interface EventLine {
  readonly event: string
  readonly [field: string]: unknown
}

export interface SwarmProcessOptions {
  /** Its name in error messages. */
  readonly name: string
  /** Path of the command; {@link FROM_SOURCE} by default. */
  readonly command?: string
  readonly cwd?: string
  /** Words before the command that start it elsewhere, such as in a network namespace. */
  readonly enter?: readonly string[]
  /** Variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether lines are dropped once the listeners have seen them, for processes that run for hours. */
  readonly isForgetful?: boolean
}

interface Waiter {
  readonly isIt: (line: EventLine) => boolean
  readonly resolve: (line: EventLine) => void
  readonly reject: (error: Error) => void
}

/** Longer than the five seconds that a node may take to stop. */
const STOP_DEADLINE_MS = 7_000

/** Whatever way this program ends, no child outlives it. */
const running = new Set<SwarmProcess>()
process.once('exit', () => {
  for (const child of running) child.kill()
})

export class SwarmProcess {
  readonly name: string
  /** Fulfilled with the exit code, or 128 + 15 or 9 when a signal ended it. Never rejected. */
  readonly exited: Promise<number>
  readonly #child: ChildProcess
  readonly #isForgetful: boolean
  readonly #lines: EventLine[] = []
  readonly #listeners: ((line: EventLine) => void)[] = []
  #waiters: Waiter[] = []
  #lastWords = ''
  #exitCode: number | undefined

  constructor(args: readonly string[], options: SwarmProcessOptions) {
    this.name = options.name
    this.#isForgetful = options.isForgetful ?? false
    const words = [...(options.enter ?? []), process.execPath, options.command ?? FROM_SOURCE, ...args]
    this.#child = spawn(words[0]!, words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      // So that it meets no contacts of an earlier process, and leaves nothing in the user's home.
      env: { ...process.env, BITSWARM_STATE_DIR: '', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    running.add(this)
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#onLine(line))
    createInterface({ input: this.#child.stderr! }).on('line', (line) => {
      if (line.trim() !== '') this.#lastWords = line.trim()
    })
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#lastWords = error.message
        this.#onExit(1)
        resolve(1)
      })
      // 'close' and not 'exit': only then has every line been read.
      this.#child.once('close', (code, signal) => {
        const exitCode = code ?? (signal === 'SIGKILL' ? 137 : 143)
        this.#onExit(exitCode)
        resolve(exitCode)
      })
    })
  }

  /** Undefined when the process could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#exitCode === undefined
  }

  /** How it ended: one line for a person. */
  get epitaph(): string {
    const words = this.#lastWords === '' ? 'without a word' : `saying: ${this.#lastWords}`
    return `${this.name} ended with exit code ${this.#exitCode}, ${words}`
  }

  /** Events of one name so far. */
  seen(event: string): readonly EventLine[] {
    return this.#lines.filter((line) => line.event === event)
  }

  onEvent(listener: (line: EventLine) => void): void {
    this.#listeners.push(listener)
  }

  /**
   * The first event, past or future, for which `isIt` holds. Fails when the process ends without it, or when it
   * takes longer than `withinMs`.
   */
  async waitFor(isIt: string | ((line: EventLine) => boolean), withinMs?: number): Promise<EventLine> {
    const test = typeof isIt === 'string' ? (line: EventLine): boolean => line.event === isIt : isIt
    const past = this.#lines.find(test)
    if (past !== undefined) return past
    if (!this.isRunning) throw new Error(this.epitaph)
    const { promise, resolve, reject } = Promise.withResolvers<EventLine>()
    this.#waiters.push({ isIt: test, resolve, reject })
    if (withinMs === undefined) return promise
    const what = typeof isIt === 'string' ? `no ${isIt} line` : 'not what was waited for'
    const late = new Error(`${this.name}: ${what} within ${withinMs / 1_000} s`)
    const timer = setTimeout(() => reject(late), withinMs)
    return promise.finally(() => clearTimeout(timer))
  }

  /** Ends the process in order, or by force when it takes too long. @returns the exit code */
  async stop(): Promise<number> {
    if (this.isRunning) this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.kill(), STOP_DEADLINE_MS)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }

  kill(): void {
    if (this.isRunning) this.#child.kill('SIGKILL')
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  #onLine(text: string): void {
    let line: EventLine
    try {
      line = JSON.parse(text) as EventLine
    } catch {
      this.#lastWords = `stdout is not JSON: ${text}`
      this.kill()
      return
    }
    if (!this.#isForgetful) this.#lines.push(line)
    for (const listener of this.#listeners) listener(line)
    this.#waiters = this.#waiters.filter((waiter) => {
      if (!waiter.isIt(line)) return true
      waiter.resolve(line)
      return false
    })
  }

  #onExit(exitCode: number): void {
    if (this.#exitCode !== undefined) return
    this.#exitCode = exitCode
    running.delete(this)
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(new Error(this.epitaph))
  }
}
