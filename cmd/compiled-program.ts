/**
 * Runs the program with the code that V8 compiled for an earlier process. Node's own compile cache holds what is compiled while a
 * module loads, but most functions are compiled when they are first called, again in each process: 30 ms of CPU. This cache is
 * taken from a process that has called them.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { constants, Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import { xdgFolder } from './xdg.ts'

/** What the build makes of the program: a function with the parameters of a CommonJS module. */
type Wrapper = (
  require: NodeJS.Require,
  module: NodeJS.Module,
  exports: object,
  file: string,
  folder: string,
) => void

/**
 * Each has a cache of its own, because a process loads all of a cache and needs what processes of its kind call. Simulations also
 * run with other V8 flags, and V8 accepts code only under the flags that it was compiled with.
 */
const KINDS = ['help', 'simulate', 'get', 'seed', 'create']

/**
 * Nothing is cached unless the environment names a folder of the user's: V8 runs what it finds, and in /tmp anybody could have left it there.
 *
 * @param variables of the environment; Node's own for its compile cache apply to this one
 * @returns undefined when nothing is to be cached
 */
export function cacheFolder(variables: Readonly<Record<string, string | undefined>>): string | undefined {
  if (variables['NODE_DISABLE_COMPILE_CACHE']) return undefined
  const folder = variables['NODE_COMPILE_CACHE'] || xdgFolder('CACHE', variables)
  return folder && join(folder, `${process.version}-${process.arch}`)
}

/** A cache begins with two checksums: of the program, and of the bytes that follow. */
const HEAD_BYTES = 8

export class CompiledProgram {
  readonly #file: string
  readonly #checksum: number
  readonly #script: Script
  /** Where to write the cache, when there is none or V8 has rejected it. */
  #missing: string | undefined

  /**
   * @param file the built program
   * @param folder of the cache, from {@link cacheFolder}; nothing is cached without one
   * @param args of the program
   */
  constructor(file: string, folder: string | undefined, args: readonly string[]) {
    this.#file = file
    const source = readFileSync(file)
    const kind = KINDS.find((kind) => args.some((arg) => arg.replace(/^-*/, '') === kind)) ?? 'other'
    // One file for each kind, so that another version replaces it.
    const cache = folder && join(folder, `bitswarm-${kind}`)
    this.#checksum = crc32(source)
    const cachedData = cache && readCache(cache, this.#checksum)
    this.#script = new Script(source.toString('latin1'), {
      filename: file,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(cachedData && { cachedData }),
    })
    if (!cachedData || this.#script.cachedDataRejected) this.#missing = cache
  }

  run(): void {
    const wrapper = this.#script.runInThisContext() as Wrapper
    const module = { exports: {} } as NodeJS.Module
    wrapper(createRequire(this.#file), module, module.exports as object, this.#file, dirname(this.#file))
  }

  /** Whether V8 has accepted a cache, or none is wanted. */
  get isKept(): boolean {
    return this.#missing === undefined
  }

  /** Writes the cache, with all functions called so far, unless {@link isKept}. Takes 10 to 50 ms. */
  keep(): void {
    if (this.#missing !== undefined)
      writeCache(this.#missing, this.#checksum, this.#script.createCachedData())
  }
}

/**
 * V8 itself compares only the length of the source, and then runs what it finds.
 *
 * @returns undefined for a cache that is missing, damaged, or of another program
 */
function readCache(path: string, program: number): Buffer | undefined {
  try {
    const bytes = readFileSync(path)
    const data = bytes.subarray(HEAD_BYTES)
    return bytes.readUInt32LE() === program && bytes.readUInt32LE(4) === crc32(data) ? data : undefined
  } catch {
    return undefined
  }
}

/** Best effort: where it cannot be written, every process compiles for itself. */
function writeCache(path: string, program: number, data: Buffer): void {
  const scratch = `${path}.${process.pid}`
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32LE(program)
  head.writeUInt32LE(crc32(data), 4)
  try {
    makeFolder(dirname(path))
  } catch {
    return
  }
  try {
    writeFileSync(scratch, Buffer.concat([head, data]), { mode: 0o600 })
    renameSync(scratch, path)
  } catch {
    rmSync(scratch, { force: true })
  }
}

/** Not with Node's own recursion, which never ends where an existing folder refuses new ones: in /proc, or below a mount point of autofs. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    makeFolder(dirname(path))
    mkdirSync(path, { mode: 0o700 })
  }
}
