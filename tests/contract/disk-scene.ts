/** A disk, a payload for it, and the words in which its promises are told. */
import { expect } from 'vitest'
import { StorageError } from '../../src/protocol/errors.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { opensslHashes } from '../../src/app/node/hashes.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { PayloadFile } from '../../src/metainfo/geometry.ts'
import type { Disk, OpenMode, Payload, PayloadPlan } from '../../src/storage/disk.ts'

/** A disk with a folder to work in, and a way round it to the files. */
export interface DiskWorld {
  readonly disk: Disk
  readonly folder: string
  /** Parents are made. */
  writeFile(path: string, content: Uint8Array): void
  /** Another file takes its place. */
  replaceFile(path: string, content: Uint8Array): void
  /** Says when the file was last written. */
  setTime(path: string, unixSeconds: number): void
  removeFile(path: string): void
  readFile(path: string): Uint8Array | undefined
  end(): Promise<void>
}

const PIECE_LENGTH = 1000

/** `a` spans pieces 0–2, `empty` lies on the border within piece 2, `tiny` and `b` share piece 2 with `a`. */
export const FOLDER: readonly PayloadFile[] = [
  { path: ['a'], length: 2500 },
  { path: ['deep', 'empty'], length: 0 },
  { path: ['deep', 'tiny'], length: 3 },
  { path: ['deep', 'er', 'b'], length: 1700 },
]
const SINGLE: readonly PayloadFile[] = [{ path: [], length: 4203 }]

export function contentOf(length: number): Uint8Array {
  return new SeededRandom(length).fill(new Uint8Array(length))
}

/** A plan whose digests are those of `content`. */
export function planOf(path: string, files: readonly PayloadFile[], content: Uint8Array): PayloadPlan {
  const geometry = new PieceGeometry(PIECE_LENGTH, files)
  const digests = new Uint8Array(20 * geometry.pieceCount)
  for (let piece = 0; piece < geometry.pieceCount; piece++)
    digests.set(opensslHashes.sha1(pieceOf(content, geometry, piece)), 20 * piece)
  return { path, isSingleFile: files[0]!.path.length === 0, geometry, digests }
}

/** A copy in shared memory, as buffers of the pool are. */
export function pieceOf(content: Uint8Array, geometry: PieceGeometry, piece: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(geometry.lengthOf(piece)))
  bytes.set(content.subarray(piece * PIECE_LENGTH, piece * PIECE_LENGTH + bytes.length))
  return bytes
}

/** Waits for the one call of `done`; an error is a value. */
export function outcome<T>(start: (done: (result: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false
    let isLater = false
    start((result) => {
      if (isOver || !isLater) reject(new Error(isOver ? 'done was called twice' : 'done was called at once'))
      isOver = true
      resolve(result)
    })
    isLater = true
  })
}

export async function success<T>(start: (done: (result: T | StorageError) => void) => void): Promise<T> {
  const result = await outcome(start)
  if (result instanceof StorageError) throw result
  return result
}

export async function failure<T>(start: (done: (result: T | StorageError) => void) => void): Promise<string> {
  const result = await outcome(start)
  return result instanceof StorageError ? result.code : 'no error'
}

/** Opens payloads on a world, and closes them in the end. */
export class DiskScene {
  readonly world: DiskWorld
  readonly content: Uint8Array = contentOf(4203)
  readonly #opened: Payload[] = []

  constructor(world: DiskWorld) {
    this.world = world
  }

  get folderPlan(): PayloadPlan {
    return planOf(`${this.world.folder}/film`, FOLDER, this.content)
  }

  get filePlan(): PayloadPlan {
    return planOf(`${this.world.folder}/film.bin`, SINGLE, this.content)
  }

  /** Opens a download, and leaves all files as they are. */
  look(plan: PayloadPlan): Promise<Payload> {
    return this.#open(plan, 'download')
  }

  async open(plan: PayloadPlan, mode: OpenMode): Promise<Payload> {
    const payload = await this.#open(plan, mode)
    if (mode === 'download') await success<void>((done) => payload.allocate(false, done))
    return payload
  }

  async close(payload: Payload): Promise<void> {
    this.#opened.splice(this.#opened.indexOf(payload), 1)
    await outcome<void>((done) => payload.close(() => done()))
  }

  async end(): Promise<void> {
    for (const payload of [...this.#opened]) await this.close(payload)
    await this.world.end()
  }

  async commitAll(payload: Payload, { geometry }: PayloadPlan): Promise<void> {
    for (let piece = 0; piece < geometry.pieceCount; piece++) {
      const data = pieceOf(this.content, geometry, piece)
      expect(await outcome((done) => payload.commit(piece, data, done))).toBe('written')
    }
  }

  async read(payload: Payload, [piece, begin, length]: [number, number, number]): Promise<Uint8Array> {
    const into = new Uint8Array(new SharedArrayBuffer(length))
    await success<void>((done) => payload.read(piece, begin, [into], done))
    return into
  }

  /** `#` for a good piece, `.` for another. */
  async verify(payload: Payload, pieces: readonly number[]): Promise<string> {
    const seen = new Map<number, boolean>()
    await success<void>((done) => payload.verify(pieces, (piece, isGood) => seen.set(piece, isGood), done))
    expect([...seen.keys()].sort()).toEqual([...pieces].sort())
    return pieces.map((piece) => (seen.get(piece) ? '#' : '.')).join('')
  }

  /** Puts the files of the folder in place, complete. */
  placeFolder(): void {
    const { content } = this
    const folder = `${this.world.folder}/film`
    this.world.writeFile(`${folder}/a`, content.subarray(0, 2500))
    this.world.writeFile(`${folder}/deep/empty`, new Uint8Array(0))
    this.world.writeFile(`${folder}/deep/tiny`, content.subarray(2500, 2503))
    this.world.writeFile(`${folder}/deep/er/b`, content.subarray(2503))
  }

  async #open(plan: PayloadPlan, mode: OpenMode): Promise<Payload> {
    const payload = await success<Payload>((done) => this.world.disk.open(plan, mode, done))
    this.#opened.push(payload)
    return payload
  }
}
