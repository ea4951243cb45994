/** Open files, bounded and least recently used first out: a payload may have 100,000 files. */
import { close, closeSync, constants, fstat, open, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { openInsideSync, refuseStray } from './stray.ts'

/** Files that one payload, and each worker, keeps open. */
export const MAX_OPEN_FILES = 64

/** For reading and writing, and never through a symlink, which could have been put there after the check. */
export const WRITE_FLAGS = constants.O_RDWR | constants.O_NOFOLLOW
export const READ_FLAGS = constants.O_RDONLY
/** Reading and syncing what this process writes. */
export const READ_WRITTEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW

/** For a worker, which blocks. */
export class SyncHandles {
  readonly #handles = new Map<string, number>()

  /**
   * A descriptor that stays valid until the next call.
   *
   * @param place where the file must be if it is opened now; missing for files that are only looked at
   */
  open(path: string, flags: number, place?: string): number {
    const key = `${flags}:${path}`
    const known = this.#handles.get(key)
    if (known !== undefined) {
      // The order of use matters only when one must be closed.
      if (this.#handles.size === MAX_OPEN_FILES) {
        this.#handles.delete(key)
        this.#handles.set(key, known)
      }
      return known
    }
    const fd = place === undefined ? openSync(path, flags) : openInsideSync(path, flags, place)
    this.#handles.set(key, fd)
    for (const [oldest, oldestFd] of this.#handles) {
      if (this.#handles.size <= MAX_OPEN_FILES) break
      this.#handles.delete(oldest)
      closeSync(oldestFd)
    }
    return fd
  }

  /** Closes the file `root` and everything under it; all files when there is no root. */
  close(root?: string): void {
    for (const [key, fd] of this.#handles) {
      const path = key.slice(key.indexOf(':') + 1)
      if (root !== undefined && path !== root && !path.startsWith(`${root}/`)) continue
      this.#handles.delete(key)
      closeSync(fd)
    }
  }
}

const statOpen = promisify(fstat)

type OnOpen = (fd: number, release: () => void) => void

interface Handle {
  /** Undefined while it is being opened. */
  fd: number | undefined
  users: number
  /** No longer listed: its last user closes it. */
  isStale: boolean
  readonly waiting: { readonly onOpen: OnOpen; readonly onError: (error: Error) => void }[]
}

/** For the main thread, which must not block: files are opened on Node's pool, and stay open while they are used. */
export class AsyncHandles {
  readonly #flags: number
  readonly #place: string | undefined
  readonly #handles = new Map<string, Handle>()

  /** @param place where files must be when they are opened; missing where symlinks may lead elsewhere */
  constructor(flags: number, place?: string) {
    this.#flags = flags
    this.#place = place
  }

  /** Calls back at once when the file is open already. `release` must be called once. */
  use(path: string, onOpen: OnOpen, onError: (error: Error) => void): void {
    let handle = this.#handles.get(path)
    if (handle === undefined) {
      handle = { fd: undefined, users: 0, isStale: false, waiting: [] }
      this.#open(path, handle)
    } else this.#handles.delete(path)
    this.#handles.set(path, handle)
    if (handle.fd === undefined) handle.waiting.push({ onOpen, onError })
    else this.#lend(handle, onOpen)
  }

  /** Closes all files; none may be in use. */
  close(): void {
    for (const { fd } of this.#handles.values()) if (fd !== undefined) close(fd)
    this.#handles.clear()
  }

  /** The next user of a file gets whatever is at its path then; current users keep theirs until they are done. */
  reopen(): void {
    for (const handle of this.#handles.values()) {
      handle.isStale = true
      closeUnused(handle)
    }
    this.#handles.clear()
  }

  #open(path: string, handle: Handle): void {
    open(path, this.#flags, (error, fd) => {
      if (error === null) this.#admit(path, handle, fd)
      else this.#onOpen(path, handle, error)
    })
  }

  #admit(path: string, handle: Handle, fd: number): void {
    if (this.#place === undefined) return this.#onOpen(path, handle, fd)
    refuseStray(() => statOpen(fd), path, this.#place).then(
      () => this.#onOpen(path, handle, fd),
      (stray: Error) => close(fd, () => this.#onOpen(path, handle, stray)),
    )
  }

  #onOpen(path: string, handle: Handle, result: number | Error): void {
    if (typeof result === 'number') handle.fd = result
    else if (!handle.isStale) this.#handles.delete(path)
    for (const { onOpen, onError } of handle.waiting.splice(0)) {
      if (typeof result === 'number') this.#lend(handle, onOpen)
      else onError(result)
    }
    closeUnused(handle)
    this.#evict()
  }

  #lend(handle: Handle, onOpen: OnOpen): void {
    handle.users++
    onOpen(handle.fd!, () => {
      handle.users--
      closeUnused(handle)
      this.#evict()
    })
  }

  #evict(): void {
    if (this.#handles.size <= MAX_OPEN_FILES) return
    for (const [path, { fd, users }] of this.#handles) {
      if (fd === undefined || users > 0) continue
      this.#handles.delete(path)
      close(fd)
      if (this.#handles.size <= MAX_OPEN_FILES) return
    }
  }
}

function closeUnused(handle: Handle): void {
  if (!handle.isStale || handle.users > 0 || handle.fd === undefined) return
  close(handle.fd)
  handle.fd = undefined
}
