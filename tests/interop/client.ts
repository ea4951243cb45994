/** What the interop suite needs of another BitTorrent client, and the process plumbing that they share. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'

export const HOST = '127.0.0.1'

/** How often a client's state is asked for while waiting. */
const POLL_INTERVAL_MS = 100
const STOP_DEADLINE_MS = 5_000

export interface Job {
  readonly role: 'seed' | 'leech'
  /** Path of the `.torrent`. */
  readonly torrent: string
  /** Where the payload lies, or shall lie: the folder that holds the file or folder which the torrent names. */
  readonly folder: string
  /** An empty folder for the client's own files. */
  readonly scratch: string
  /** Where it shall listen for peers, on {@link HOST}. */
  readonly port: number
  /** A port for its remote control. */
  readonly controlPort: number
  /** `host:port` to dial; empty for clients that cannot. */
  readonly peers: readonly string[]
}

export interface RunningClient {
  /** Every piece is there and verified. */
  isComplete(): Promise<boolean>
  stop(): Promise<void>
}

export interface ForeignClient {
  readonly name: string
  /** Whether it can be told the address of a peer. */
  readonly canDial: boolean
  /** What it says its version is; undefined when it is not installed. */
  version(): string | undefined
  /** Fulfilled once it listens and serves, or waits for peers. */
  start(job: Job): Promise<RunningClient>
}

/** The first line that a command prints about itself; undefined when it does not run. */
export function firstLine(command: string, args: readonly string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? `${stdout}${stderr}`.trim().split('\n')[0] : undefined
}

/** A client's process: keeps its last words for the error message. */
export class ClientProcess {
  readonly #child: ChildProcess
  readonly #command: string
  #output = ''

  constructor(command: string, args: readonly string[]) {
    this.#command = command
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-4_096)
    }
    this.#child.stdout!.on('data', keep)
    this.#child.stderr!.on('data', keep)
    this.#child.on('error', (error) => (this.#output += error.message))
  }

  /** The last 4 KiB of what it printed. */
  get output(): string {
    return this.#output
  }

  /** Asks again and again until the answer is yes. Fails when the process ends first. */
  async until(what: string, isSo: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
    const deadline = performance.now() + withinMs
    while (!(await isSo())) {
      if (this.#child.exitCode !== null)
        throw new Error(`${this.#command} ended with exit code ${this.#child.exitCode}: ${this.#output}`)
      if (performance.now() > deadline)
        throw new Error(`${this.#command}: not ${what} in time: ${this.#output}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_DEADLINE_MS)
    this.#child.kill('SIGTERM')
    await closed
    clearTimeout(timer)
  }
}

/** Does anything listen there? */
export async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST)
    socket.once('connect', () => socket.destroy()).once('error', () => resolve(false))
    socket.once('close', (hadError) => resolve(!hadError))
  })
}
