/**
 * The program, run with what V8 compiled for an earlier process. Node's own compile cache holds what is compiled when a module is
 * loaded; most functions are compiled when they are first called, by each process anew: 30 ms of processor time. This cache is taken
 * from a process that has called them.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { constants, Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import { xdgFolder } from './xdg.ts'

/** What the build makes of the program: a function of what CommonJS modules are given. */
type Wrapper = (
  require: NodeJS.Require,
  module: NodeJS.Module,
  exports: object,
  file: string,
  folder: string,
) => void

/**
 * Each has a cache of its own: a process takes over all that is in one, and needs what is done by those of its kind. Simulations run
 * with other flags of V8, which takes code only under those that it was made with.
 */
const KINDS = ['help', 'simulate', 'get', 'seed', 'create']

/**
 * Where the system does not say where, none is kept: V8 runs what it finds, and in /tmp anybody else on the machine could have left it for us.
 *
 * @param variables of the environment; those that Node has for a cache of its own count for this one
 * @returns undefined when nothing is to be kept
 */
export function cacheFolder(variables: Readonly<Record<string, string | undefined>>): string | undefined {
  if (variables['NODE_DISABLE_COMPILE_CACHE']) return undefined
  const folder = variables['NODE_COMPILE_CACHE'] || xdgFolder('CACHE', variables)
  return folder && join(folder, `${process.version}-${process.arch}`)
}

/** A cache begins with the checksums of the program that it is of, and of what follows. */
const HEAD_BYTES = 8

export class CompiledProgram {
  readonly #file: string
  readonly #checksum: number
  readonly #script: Script
  /** Where the cache is to be written: there is none, or V8 does not take it. */
  #missing: string | undefined

  /**
   * @param file what the build made of the program
   * @param folder of the cache, as {@link cacheFolder} says; without one nothing is kept
   * @param args of the process, the program's own
   */
  constructor(file: string, folder: string | undefined, args: readonly string[]) {
    this.#file = file
    const source = readFileSync(file)
    const kind = KINDS.find((kind) => args.some((arg) => arg.replace(/^-*/, '') === kind)) ?? 'other'
    // One for each kind, whatever version was here before.
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

  /** Whether there is a cache that V8 has taken, or none is wanted. */
  get isKept(): boolean {
    return this.#missing === undefined
  }

  /** Writes the cache, unless {@link isKept}, with all functions that have been called by now. Takes 10 to 50 ms. */
  keep(): void {
    if (this.#missing !== undefined)
      writeCache(this.#missing, this.#checksum, this.#script.createCachedData())
  }
}

/**
 * V8 itself compares only the length of the source, and runs what it finds.
 *
 * @returns undefined for one that is not there, of another program, or not whole
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

/** A wish: where it cannot be written, every process compiles for itself. */
function writeCache(path: string, program: number, data: Buffer): void {
  const scratch = `${path}.${process.pid}`
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32LE(program)
  head.writeUInt32LE(crc32(data), 4)
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
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
