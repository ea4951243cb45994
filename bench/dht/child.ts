/** A process of this benchmark, controlled by messages. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** The cores that processes run on. */
export interface Cores {
  /** For what is measured: a core to itself, or nobody could tell which of two neighbours is slow. */
  readonly measured: string | undefined
  /** For everybody else. */
  readonly others: string | undefined
}

/** Shares out the cores that we may use; undefined where there is only one. */
export function sharedCores(): Cores {
  const status = readFileSync('/proc/self/status', 'utf8')
  const ranges = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1]?.split(',') ?? []
  const cores = ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
  const [measured, ...others] = cores.toReversed()
  return others.length === 0
    ? { measured: undefined, others: undefined }
    : { measured: String(measured), others: others.join(',') }
}

export class Child {
  readonly #process: ChildProcess

  /** @param module a file beside this one @param cores that it may run on; undefined for all */
  constructor(module: string, cores?: string) {
    const path = new URL(module, import.meta.url)
    this.#process =
      cores === undefined
        ? fork(path)
        : fork(path, { execPath: 'taskset', execArgv: ['-c', cores, process.execPath] })
  }

  /** Sends `order` and waits for the one answer. @throws {Error} the process ended */
  async ask<Answer>(order: unknown): Promise<Answer> {
    if (this.#hasEnded) throw new Error('it has ended before it was asked')
    const ended = new AbortController()
    const answer = once(this.#process, 'message', { signal: ended.signal })
    const onExit = (code: number | null, signal: string | null): void =>
      ended.abort(new Error(`it ended with ${code ?? signal}`))
    this.#process.once('exit', onExit)
    this.#process.send(order as object)
    const [message] = await answer
    this.#process.off('exit', onExit)
    return message as Answer
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** Disconnects; the process then ends by itself. */
  async end(): Promise<void> {
    if (this.#hasEnded) return
    const exited = once(this.#process, 'exit')
    this.#process.disconnect()
    await exited
  }
}
