/** A process of another program, on this machine or on a host of a {@link Network}: watched while it runs, gone afterwards. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { HERE, type Host } from './netns.ts'

/** How often a process's state is asked for while waiting. */
const POLL_INTERVAL_MS = 100
const STOP_DEADLINE_MS = 5_000
/** What is kept of its output for the error message. */
const MAX_OUTPUT_LENGTH = 8_192

/** The state of a socket, as the kernel's tables write it. */
const LISTENING = '0A'

/** Nothing that the suite does may go by a proxy. */
const DIRECT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)))

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface ForeignProcessOptions {
  /** Where it runs; this machine unless told otherwise. */
  readonly host?: Host
  readonly cwd?: string
}

export class ForeignProcess {
  readonly #child: ChildProcess
  readonly #command: string
  #output = ''

  constructor(command: string, args: readonly string[], { host = HERE, cwd }: ForeignProcessOptions = {}) {
    this.#command = command
    const [program, ...words] = [...host.enter, command, ...args]
    this.#child = spawn(program!, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: DIRECT,
      ...(cwd === undefined ? {} : { cwd }),
    })
    running.add(this.#child)
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-MAX_OUTPUT_LENGTH)
    }
    this.#child.stdout!.on('data', keep)
    this.#child.stderr!.on('data', keep)
    this.#child.on('error', (error) => (this.#output += error.message))
    this.#child.once('close', () => running.delete(this.#child))
  }

  /** The last 8 KiB of what it printed. */
  get output(): string {
    return this.#output
  }

  /** Whether anything accepts TCP connections on this port, on the host where the process runs. */
  isListeningOn(port: number): boolean {
    const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
    try {
      return ['tcp', 'tcp6'].some((table) => {
        const lines = readFileSync(`/proc/${this.#child.pid}/net/${table}`, 'latin1').split('\n')
        return lines.some((line) => line.includes(local) && line.trim().split(/\s+/)[3] === LISTENING)
      })
    } catch {
      // It has ended.
      return false
    }
  }

  /** Asks again and again until the answer is yes. Fails when the process ends first. */
  async until(
    what: string,
    isSo: () => boolean | Promise<boolean>,
    withinMs: number = 20_000,
  ): Promise<void> {
    const deadline = performance.now() + withinMs
    while (!(await isSo())) {
      if (this.#child.pid === undefined || this.#child.exitCode !== null)
        throw new Error(`${this.#command} ended with exit code ${this.#child.exitCode}: ${this.#output}`)
      if (performance.now() > deadline)
        throw new Error(`${this.#command}: not ${what} in time: ${this.#output}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
    }
  }

  async stop(): Promise<void> {
    if (!running.has(this.#child) || this.#child.pid === undefined) return
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_DEADLINE_MS)
    this.#child.kill('SIGTERM')
    await closed
    clearTimeout(timer)
  }
}

/** The first line that a command prints about itself; undefined when it does not run. */
export function firstLine(command: string, args: readonly string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? `${stdout}${stderr}`.trim().split('\n')[0] : undefined
}
