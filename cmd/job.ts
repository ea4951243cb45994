/** Turns what the command line names into a payload to serve or fetch: finds the metainfo and decides where files go. */
import type { Config } from '../src/app/config.ts'
import {
  createMetainfo,
  encodeBit,
  encodeTorrent,
  fetchMetainfo,
  parseMagnet,
  PayloadError,
  readMetainfo,
  StorageError,
  toHex,
  type Magnet,
  type Metainfo,
  type PayloadOptions,
} from '../src/app/library.ts'
import {
  basename,
  dirname,
  endsInSeparator,
  exists,
  isEmpty,
  isFolder,
  join,
  makeFolder,
  refuseUnwritable,
  refuseUnwritableFolder,
  replaceFile,
  resolve,
} from '../src/app/node/files.ts'
import { MAX_UNLISTED, unlistedFiles } from '../src/app/node/unlisted-files.ts'
import { Voucher } from '../src/app/node/voucher.ts'
import { VERSION } from '../src/app/version.ts'
import type { Env } from './env.ts'
import type { Life } from './lifecycle.ts'
import { advised, isNamedAsMetainfo } from './mistaken-metainfo.ts'
import { IDLE, type Screen } from './screen.ts'
import { isMagnet, isUrl } from './source.ts'
import type { Role, TaskOf } from './task.ts'

/** A payload that is to be served. */
export interface Offer {
  readonly payload: PayloadOptions
  /** Whether the metainfo beside it could be trusted, if there was one. */
  readonly voucher?: Voucher
}

export class Jobs {
  readonly #env: Env
  readonly #config: Config
  readonly #life: Life
  readonly #screen: Screen

  constructor(
    env: Env,
    { config, life, screen }: { readonly config: Config; readonly life: Life; readonly screen: Screen },
  ) {
    this.#env = env
    this.#config = config
    this.#life = life
    this.#screen = screen
  }

  /** The first line of the log. */
  start(
    role: Role,
    torrent?: { readonly infoHash: Metainfo['infoHash']; readonly name?: string | undefined },
  ): void {
    const { pid, nodeVersion } = this.#env
    this.#life.emit({
      event: 'start',
      version: VERSION,
      role,
      node: nodeVersion,
      pid,
      ...(torrent && { infoHash: toHex(torrent.infoHash) }),
      ...(torrent?.name !== undefined && { name: torrent.name }),
    })
  }

  async seed(task: TaskOf<'seed'>): Promise<Offer> {
    const path = resolve(this.#env.cwd, task.path)
    const metainfoPath = `${path}.bit`
    if (await exists(metainfoPath)) {
      const metainfo = await this.#read(metainfoPath, 'seed')
      if (this.#config.pieceLength !== undefined)
        this.#screen.say(`${metainfoPath} is there already: -piece-length has no effect`)
      const files = metainfo.geometry.files.map((file) => join(path, ...file.path))
      if (!metainfo.isSingleFile) await this.#tellUnlisted(path, metainfo)
      const voucher = await Voucher.of(metainfoPath, files)
      // Files touched since the metainfo was made are read again, in full.
      return {
        payload: { metainfo, path, mode: 'seed', check: voucher.isValid ? 'sample' : 'full' },
        voucher,
      }
    }
    this.start('seed')
    if (isNamedAsMetainfo(path))
      this.#screen.say(
        `${path} is served as a file; to serve what it describes: bitswarm -get ${path} -dest <its folder> -keep -1`,
      )
    // What is not there is named when it is to be read.
    if (await exists(path))
      await refuseUnwritable(metainfoPath).catch((error: unknown) => {
        throw adviceOnUnwritable(path, error)
      })
    const metainfo = await createMetainfo(path, {
      pieceLength: this.#config.pieceLength,
      signal: this.#life.signal,
      onProgress: (bytesHave: number, length: number) =>
        this.#screen.show({ ...IDLE, name: task.path, length, bytesHave, activity: 'hashing' }),
    })
    this.#screen.clear()
    await this.write(metainfoPath, metainfo)
    return { payload: { metainfo, path, mode: 'seed', check: 'none' } }
  }

  /** The payload was read and is good, so that the next start need not read it. */
  async vouch(voucher: Voucher): Promise<void> {
    try {
      await voucher.renew()
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      this.#screen.say(`cannot update the time of ${error.message}: the next start reads the payload again`)
    }
  }

  /** Adds what to do: a payload that does not match the `.bit` beside it was probably replaced on purpose. */
  explainChanged({ path }: TaskOf<'seed'>, error: unknown): unknown {
    if (!(error instanceof PayloadError)) return error
    const { code, message, data } = error
    const advice = `if it was changed on purpose, remove ${resolve(this.#env.cwd, path)}.bit and a new one will be made`
    return new PayloadError(code, `${message}; ${advice}`, { cause: error, data })
  }

  /** What a link says. */
  magnet(source: string): Magnet {
    let magnet: Magnet | undefined
    try {
      magnet = parseMagnet(source)
      return magnet
    } finally {
      this.start('get', magnet)
    }
  }

  /** The metainfo that a file or URL holds. */
  async fetch(task: TaskOf<'get'>): Promise<Metainfo> {
    const { source } = task
    if (!isUrl(source)) return this.#read(resolve(this.#env.cwd, source), 'get')
    this.start('get')
    await this.checkTarget(task)
    return fetchMetainfo(source, this.#life.signal)
  }

  /**
   * Says what can be said of where the payload goes before the metainfo is there: not after minutes of looking for it.
   *
   * @throws {StorageError} nothing can be written there
   */
  async checkTarget({ target }: TaskOf<'get'>): Promise<void> {
    const { folder, name } = await this.#place(target, undefined)
    await checkFolder(folder)
    // What is there already may be served from a folder that cannot be written to. The name in a link need not be the payload's.
    const mayBeThere = name === undefined ? !(await isEmpty(folder)) : await exists(join(folder, name))
    try {
      await refuseUnwritableFolder(folder)
    } catch (error) {
      if (!mayBeThere || !(error instanceof StorageError)) throw error
      this.#screen.say(`${error.message}: only what is there already can be served`)
    }
  }

  async download(metainfo: Metainfo, { source, target }: TaskOf<'get'>): Promise<PayloadOptions> {
    const { folder, name } = await this.#place(target, metainfo.name)
    const path = join(folder, name)
    await checkFolder(folder)
    if (this.#config.saveMetainfo && (isMagnet(source) || isUrl(source))) {
      await makeFolder(folder)
      await this.write(`${path}.torrent`, metainfo)
    }
    const { sync, overwrite: mayOverwrite, keep } = this.#config
    // A process that serves for ever will be started again.
    return { metainfo, path, mode: 'download', sync, mayOverwrite, remembersComplete: keep === -1 }
  }

  /** Writes a metainfo file, of the kind that its name says, and reports it. */
  async write(path: string, metainfo: Metainfo): Promise<void> {
    await replaceFile(path, path.endsWith('.torrent') ? encodeTorrent(metainfo) : encodeBit(metainfo))
    const { name, geometry, infoHash } = metainfo
    this.#life.emit({
      event: 'metainfo_written',
      path,
      infoHash: toHex(infoHash),
      name,
      length: geometry.length,
      pieceLength: geometry.pieceLength,
      pieces: geometry.pieceCount,
    })
  }

  /**
   * Where the payload goes: an existing folder or a trailing `/` is a folder, anything else the payload's new name.
   *
   * @param name its own name
   */
  async #place<Name extends string | undefined>(
    target: string | undefined,
    name: Name,
  ): Promise<{ readonly folder: string; readonly name: string | Name }> {
    const folder = resolve(this.#env.cwd, this.#config.dest)
    if (target === undefined) return { folder, name }
    const given = resolve(folder, target)
    const isInside = endsInSeparator(target) || (await isFolder(given))
    return isInside ? { folder: given, name } : { folder: dirname(given), name: basename(given) }
  }

  /** Files in the folder that are not served. */
  async #tellUnlisted(path: string, { geometry }: Metainfo): Promise<void> {
    const listed = new Set(geometry.files.map((file) => file.path.join('/')))
    const unlisted = await unlistedFiles(path, listed)
    const count = unlisted.length
    if (count === 0) return
    const what =
      count === 1
        ? `${unlisted[0]} is`
        : `${count} files${count === MAX_UNLISTED ? ' or more' : ''}, ${unlisted[0]} among them, are`
    this.#screen.say(`${what} not in ${path}.bit and not served: remove the .bit and a new one will be made`)
  }

  /** Reads metainfo and says `start`, which names the torrent when it can be read at all. */
  async #read(path: string, role: 'seed' | 'get'): Promise<Metainfo> {
    let metainfo: Metainfo | undefined
    try {
      metainfo = await advised(path, readMetainfo(path))
      return metainfo
    } finally {
      this.start(role, metainfo)
    }
  }
}

/** How to serve a payload where no `.bit` can be written beside it. */
function adviceOnUnwritable(path: string, error: unknown): unknown {
  if (!(error instanceof StorageError)) return error
  const bit = error.code === 'disk.permission' ? `${basename(path)}.bit` : 'payload.bit'
  const commands = `bitswarm create ${path} -o ${bit}, then bitswarm -get ${bit} -dest ${dirname(path)} -keep -1`
  return new StorageError(error.code, `${error.message}; from a folder of yours: ${commands}`, {
    cause: error,
  })
}

/** @throws {StorageError} `disk.occupied` */
async function checkFolder(path: string): Promise<void> {
  if ((await exists(path)) && !(await isFolder(path)))
    throw new StorageError('disk.occupied', `${path} is a file, not a folder: choose another -dest`)
}
