/** The place for payloads and downloads: in memory if there is room. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freeSpace, MIB, writeRandomFile } from '../scripts/payload.ts'
import { createMetainfo, encodeBit, encodeTorrent, toHex } from '../src/app/library.ts'
import { opensslHashes } from '../src/app/node/hashes.ts'
import { buildMetainfo, choosePieceLength } from '../src/metainfo/build.ts'
import type { Metainfo } from '../src/metainfo/metainfo.ts'
import { hasNamespace } from './namespace.ts'

const SHARED_MEMORY = '/dev/shm'
const NAME = 'payload.bin'
/** Memory of the machine that is left free. */
const RESERVE_MIB = 1_024

/** A file to send, with its metainfo beside it. */
export interface Payload {
  /** A folder that holds nothing else. */
  readonly folder: string
  readonly path: string
  readonly length: number
  readonly pieceLength: number
  /** 40 hex digits. */
  readonly infoHash: string
  /** Path of a `.torrent` that names no tracker. */
  readonly torrent: string
  /** The same with a tracker. */
  readonly trackedTorrent: string
}

export class Workshop {
  readonly folder: string
  readonly isInMemory: boolean
  readonly #trackerUrl: string
  readonly #isMounted: boolean
  #random: { readonly path: string; readonly mib: number } | undefined
  #folders = 0

  /** @param neededMib the most that payloads and downloads take at one time */
  constructor(neededMib: number, trackerUrl: string) {
    this.#trackerUrl = trackerUrl
    this.isInMemory = memoryMib() > neededMib
    if (!this.isInMemory && freeSpace(tmpdir()) / MIB < neededMib)
      throw new Error(`${neededMib} MiB fit neither into memory nor into ${tmpdir()}: choose less with --mib`)
    this.#isMounted = this.isInMemory && hasNamespace()
    this.folder = mkdtempSync(
      join(this.isInMemory && !this.#isMounted ? SHARED_MEMORY : tmpdir(), 'bitswarm-bench-'),
    )
    if (this.#isMounted) mountMemory(this.folder)
  }

  /** Random bytes, made once and shared by all piece lengths. */
  async randomPayload(mib: number, pieceLength?: number): Promise<Payload> {
    if (this.#random?.mib !== mib) {
      this.#random = { path: join(this.freshFolder(), NAME), mib }
      await writeRandomFile(this.#random.path, mib * MIB)
    }
    const folder = this.freshFolder()
    const path = join(folder, NAME)
    linkSync(this.#random.path, path)
    const metainfo = await createMetainfo(path, { pieceLength })
    return this.#describe(folder, metainfo)
  }

  /** Zeros that take no space until they are downloaded. They need not be hashed: all pieces have one digest. */
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

  /** Removes all payloads and folders. */
  empty(): void {
    this.#random = undefined
    for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name), { recursive: true })
  }

  clear(): void {
    if (this.#isMounted) execFileSync('umount', ['--lazy', this.folder])
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
    return { folder, path, length, pieceLength, infoHash: toHex(metainfo.infoHash), torrent, trackedTorrent }
  }
}

/**
 * A file system in memory that vanishes with this process, however it ends. It claims to be larger than any payload, because
 * clients refuse a download for which there is no space, even one that will be stopped early.
 */
function mountMemory(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1t', 'bitswarm-bench', folder])
}

/** Files in memory need memory, whatever their file system claims. */
function memoryMib(): number {
  const free = freemem() / MIB - RESERVE_MIB
  return hasNamespace()
    ? free
    : existsSync(SHARED_MEMORY)
      ? Math.min(free, freeSpace(SHARED_MEMORY) / MIB)
      : 0
}
