/** A place for gigabytes that go when this process goes: in memory when there is room. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasNamespace } from '../../bench/namespace.ts'
import { freeSpace } from '../../scripts/payload.ts'

const SHARED_MEMORY = '/dev/shm'
/** What is left free of a machine's memory. */
const RESERVE_BYTES = 2 ** 30

export interface ScratchOptions {
  /** Of the folder: `bitswarm-<purpose>-…`. */
  readonly purpose: string
  /** Most that lies there at one time. */
  readonly neededBytes: number
  /** Where to make it; in memory when there is room, or in the folder for temporary files, when missing. */
  readonly parent?: string | undefined
}

export class Scratch {
  readonly folder: string
  readonly #mounts: string[] = []
  #folders = 0

  /** It is removed when the process ends, also by SIGINT and SIGTERM. */
  constructor({ purpose, neededBytes, parent }: ScratchOptions) {
    const hasMemory = parent === undefined && freemem() - RESERVE_BYTES > neededBytes
    const isMounted = hasMemory && hasNamespace()
    const isShared = !isMounted && hasMemory && existsSync(SHARED_MEMORY)
    const place = parent ?? (isShared && freeSpace(SHARED_MEMORY) > neededBytes ? SHARED_MEMORY : tmpdir())
    this.folder = mkdtempSync(join(place, `bitswarm-${purpose}-`))
    process.once('exit', () => this.#clear())
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
    if (isMounted) this.#mount(this.folder, neededBytes + RESERVE_BYTES)
    else if (freeSpace(this.folder) < neededBytes)
      throw new Error(`${place} has no room for ${neededBytes} bytes`)
  }

  freshFolder(): string {
    const path = join(this.folder, String(++this.#folders))
    mkdirSync(path)
    return path
  }

  /** A file system of `bytes` in memory. Needs a namespace. */
  freshDisk(bytes: number): string {
    const path = this.freshFolder()
    this.#mount(path, bytes)
    return path
  }

  /** Removes what lies in a folder or disk made by this, and itself. */
  remove(path: string): void {
    const index = this.#mounts.indexOf(path)
    if (index !== -1) {
      execFileSync('umount', ['--lazy', path])
      this.#mounts.splice(index, 1)
    }
    rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  }

  #mount(path: string, bytes: number): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'bitswarm', path])
    this.#mounts.push(path)
  }

  #clear(): void {
    for (const path of this.#mounts.toReversed()) spawnSync('umount', ['--lazy', path])
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
