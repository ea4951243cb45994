/** The place where payloads and downloads lie: in memory when there is room. */
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freeSpace, MIB, writeRandomFile } from '../scripts/payload.ts'
import { createMetainfo, encodeBit, encodeTorrent } from '../src/app/library.ts'
import { opensslHashes } from '../src/app/node/hashes.ts'
import { buildMetainfo, choosePieceLength } from '../src/metainfo/build.ts'
import type { Metainfo } from '../src/metainfo/metainfo.ts'

const SHARED_MEMORY = '/dev/shm'
const NAME = 'payload.bin'
/** What is left free of a machine's memory. */
const RESERVE_MIB = 1_024

/** A file to send, with its metainfo beside it. */
export interface Payload {
  /** The folder that holds nothing else. */
  readonly folder: string
  readonly path: string
  readonly length: number
  readonly pieceLength: number
  /** Path of a `.torrent` that names no tracker. */
  readonly torrent: string
  /** The same with a tracker. */
  readonly trackedTorrent: string
}

export class Workshop {
  readonly folder: string
  readonly isInMemory: boolean
  readonly #trackerUrl: string
  #random: { readonly path: string; readonly mib: number } | undefined
  #folders = 0

  /** @param neededMib what payloads and downloads take at most at one time */
  constructor(neededMib: number, trackerUrl: string) {
    const parent = [SHARED_MEMORY, tmpdir()].find((path) => roomMib(path) > neededMib)
    if (parent === undefined)
      throw new Error(
        `${neededMib} MiB fit neither into memory (${SHARED_MEMORY}) nor into ${tmpdir()}: choose less with --mib`,
      )
    this.folder = mkdtempSync(join(parent, 'bitswarm-bench-'))
    this.isInMemory = parent === SHARED_MEMORY
    this.#trackerUrl = trackerUrl
  }

  /** Random bytes, made once and shared by all piece lengths. */
  async randomPayload(mib: number, pieceLength?: number): Promise<Payload> {
    if (this.#random?.mib !== mib) {
      if (this.#random !== undefined) rmSync(this.#random.path)
      this.#random = { path: join(this.freshFolder(), NAME), mib }
      await writeRandomFile(this.#random.path, mib * MIB)
    }
    const folder = this.freshFolder()
    const path = join(folder, NAME)
    linkSync(this.#random.path, path)
    const metainfo = await createMetainfo(path, { pieceLength })
    return this.#describe(folder, metainfo)
  }

  /** Zeros that take no room until they are downloaded. They are not hashed: all pieces have one digest. */
  sparsePayload(mib: number, pieceLength: number = choosePieceLength(mib * MIB)): Payload {
    if ((mib * MIB) % pieceLength !== 0) throw new RangeError(`${mib} MiB are not whole pieces`)
    const folder = this.freshFolder()
    const path = join(folder, NAME)
    writeFileSync(path, '')
    truncateSync(path, mib * MIB)
    const pieceCount = (mib * MIB) / pieceLength
    const digest = opensslHashes.sha1(new Uint8Array(pieceLength))
    const parts = {
      name: NAME,
      isSingleFile: true,
      isPrivate: false,
      files: [{ path: [], length: mib * MIB }],
      pieceLength,
      digests: Buffer.alloc(pieceCount * digest.length, digest),
    }
    return this.#describe(folder, buildMetainfo(parts, opensslHashes))
  }

  freshFolder(): string {
    const path = join(this.folder, String(++this.#folders))
    mkdirSync(path)
    return path
  }

  clear(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }

  #describe(folder: string, metainfo: Metainfo): Payload {
    const metainfoFolder = this.freshFolder()
    const path = join(folder, NAME)
    const torrent = join(metainfoFolder, 'plain.torrent')
    const trackedTorrent = join(metainfoFolder, 'tracked.torrent')
    writeFileSync(`${path}.bit`, encodeBit(metainfo))
    writeFileSync(torrent, encodeTorrent(metainfo))
    writeFileSync(trackedTorrent, encodeTorrent({ ...metainfo, trackers: [[this.#trackerUrl]] }))
    const { length, pieceLength } = metainfo.geometry
    return { folder, path, length, pieceLength, torrent, trackedTorrent }
  }
}

/** What may still be written below `path`. What lies in memory needs memory, whatever its file system says. */
function roomMib(path: string): number {
  if (!existsSync(path)) return 0
  const free = freeSpace(path) / MIB
  return path === SHARED_MEMORY ? Math.min(free, freemem() / MIB - RESERVE_MIB) : free
}
