/** What a benchmark case is, and the place it works in. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freeSpace, writeRandomFile } from '../scripts/payload.ts'

/** Measured values by their title; the unit stands in the title. */
export type Figures = Readonly<Record<string, number>>

export interface BenchCase {
  readonly name: string
  /** One line: what is moved from where to where. */
  readonly title: string
  /** One run, checked: it throws when the bytes that arrived are not the bytes that were sent. */
  run(workshop: Workshop): Promise<Figures>
}

const SHARED_MEMORY = '/dev/shm'

/** A folder for payloads and downloads, in memory when there is room; one payload serves all runs. */
export class Workshop {
  readonly folder: string
  /** Bytes of the payload. */
  readonly length: number
  #runs = 0

  /** @param length bytes of the payload; `copies` of it must fit beside it */
  constructor(length: number, copies: number) {
    const needed = length * (1 + copies)
    const parent = [SHARED_MEMORY, tmpdir()].find(
      (path) => existsSync(path) && freeSpace(path) > 1.1 * needed,
    )
    if (parent === undefined)
      throw new Error(`neither ${SHARED_MEMORY} nor ${tmpdir()} has room for ${needed} bytes`)
    this.folder = mkdtempSync(join(parent, 'bitswarm-bench-'))
    this.length = length
  }

  /** The payload, made on first use. */
  async payload(): Promise<string> {
    const path = join(this.folder, 'payload.bin')
    if (!existsSync(path)) await writeRandomFile(path, this.length)
    return path
  }

  /** An empty folder for one run. */
  freshFolder(): string {
    const path = join(this.folder, `run-${++this.#runs}`)
    mkdirSync(path)
    return path
  }

  clear(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
