/** A process of this benchmark, told and asked by messages. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export class Child {
  readonly #process: ChildProcess

  /** @param module a file beside this one */
  constructor(module: string) {
    this.#process = fork(new URL(module, import.meta.url))
  }

  /** Sends `order` and waits for the one answer. @throws {Error} the process ended */
  async ask<Answer>(order: unknown): Promise<Answer> {
    const ended = new AbortController()
    const answer = once(this.#process, 'message', { signal: ended.signal })
    const onExit = (code: number | null): void => ended.abort(new Error(`it ended with ${code}`))
    this.#process.once('exit', onExit)
    this.#process.send(order as object)
    const [message] = await answer
    this.#process.off('exit', onExit)
    return message as Answer
  }

  /** It ends by itself when nobody talks to it any more. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.disconnect()
    await exited
  }
}
