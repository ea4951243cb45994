/** A BitTorrent client as a process: its lines are read as they come, and nothing is left of it afterwards. */
import { spawn, type ChildProcess } from 'node:child_process'
import { env } from 'node:process'

/** Lines of its output kept for error messages. */
const MAX_OUTPUT_LENGTH = 4_096
const LAST_LINES = 4
const STOP_DEADLINE_MS = 5_000

/** Nothing here may go through a proxy. */
const DIRECT = Object.fromEntries(Object.entries(env).filter(([name]) => !/_proxy$/i.test(name)))

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

interface Waiter {
  readonly text: string
  readonly resolve: (line: string) => void
}

export class ClientProcess {
  /** Fulfilled with the exit code, or with a signal's name. */
  readonly exited: Promise<number | NodeJS.Signals>
  readonly #ended: Promise<never>
  readonly #child: ChildProcess
  readonly #program: string
  readonly #listeners: ((line: string) => void)[] = []
  #waiters: Waiter[] = []
  #output = ''
  #rest = ''

  constructor(words: readonly string[], cwd?: string) {
    this.#program = words[0]!
    this.#child = spawn(this.#program, words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...DIRECT, TERM: 'xterm' },
      ...(cwd !== undefined && { cwd }),
    })
    running.add(this.#child)
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => this.#read(chunk))
    this.#child.stderr!.setEncoding('utf8').on('data', (chunk: string) => this.#keep(chunk))
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#keep(error.message)
        resolve(1)
      })
      this.#child.once('close', (code, signal) => resolve(code ?? signal!))
    })
    this.#ended = this.exited.then((how) => {
      running.delete(this.#child)
      throw new Error(`${this.#program} ended (${how}): ${this.lastWords}`)
    })
    this.#ended.catch(() => {})
  }

  get pid(): number {
    if (this.#child.pid === undefined)
      throw new Error(`${this.#program} could not be started: ${this.#output}`)
    return this.#child.pid
  }

  get isRunning(): boolean {
    return running.has(this.#child)
  }

  /** The last lines of it, for an error message. */
  get lastWords(): string {
    return this.#output.trim().split('\n').slice(-LAST_LINES).join(' / ')
  }

  onLine(listener: (line: string) => void): void {
    this.#listeners.push(listener)
  }

  /** The next line on stdout with this text in it. Fails when the process ends first. */
  whenSaid(text: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#waiters.push({ text, resolve })
    return this.beforeEnd(promise)
  }

  /** As `event`, but it fails when the process ends first. */
  beforeEnd<T>(event: Promise<T>): Promise<T> {
    const first = Promise.race([event, this.#ended])
    // Anybody who waits learns of it; anybody who has stopped waiting does not care.
    first.catch(() => {})
    return first
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_DEADLINE_MS)
    await this.exited
    clearTimeout(timer)
  }

  #read(chunk: string): void {
    this.#keep(chunk)
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.#onLine(line)
  }

  #onLine(line: string): void {
    for (const listener of this.#listeners) listener(line)
    for (const waiter of this.#waiters.filter(({ text }) => line.includes(text))) {
      this.#waiters = this.#waiters.filter((each) => each !== waiter)
      waiter.resolve(line)
    }
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-MAX_OUTPUT_LENGTH)
  }
}
