/** A script for clients that run one when a download ends, and the report that it ran. */
import { chmodSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export class DoneHook {
  /** Path of the script. */
  readonly path: string
  readonly whenRun: Promise<void>
  readonly #close: () => void

  /** @param scratch an existing folder, without another hook of this name */
  constructor(scratch: string, name: string) {
    const mark = `${name}.ran`
    this.path = join(scratch, `${name}.sh`)
    writeFileSync(this.path, `#!/bin/sh\n: > '${join(scratch, mark)}'\n`)
    chmodSync(this.path, 0o755)
    const { promise, resolve } = Promise.withResolvers<void>()
    const watcher = watch(scratch, (_event, file) => {
      if (file === mark) resolve()
    })
    this.whenRun = promise
    this.#close = () => watcher.close()
  }

  close(): void {
    this.#close()
  }
}
