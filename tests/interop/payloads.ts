/** What is sent around: one large file, and a folder whose files begin and end inside pieces. */
import { randomFillSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const MIB = 1_048_576

export interface PayloadShape {
  readonly title: string
  /** The file or folder that the torrent names. */
  readonly name: string
  /** Bytes by path below the folder; a single file has the empty path. */
  readonly files: Readonly<Record<string, number>>
}

/** Enough for several pieces, little enough to be there at once. */
export const SMALL_FILE: PayloadShape = {
  title: 'a file of 3 MiB',
  name: 'small.bin',
  files: { '': 3 * MIB },
}

/** Enough that clients have something to give to each other. */
export const MEDIUM_FILE: PayloadShape = {
  title: 'a file of 24 MiB',
  name: 'medium.bin',
  files: { '': 24 * MIB },
}

/** So much that a start and an end hardly count. */
export const HUGE_FILE: PayloadShape = {
  title: 'a file of 192 MiB',
  name: 'huge.bin',
  files: { '': 192 * MIB },
}

const LARGE_FILE: PayloadShape = {
  title: 'a file of 64 MiB',
  name: 'image.bin',
  files: { '': 64 * MIB },
}

export const FOLDER: PayloadShape = {
  title: 'a folder of files',
  name: 'data set',
  files: {
    'a/one byte': 1,
    'a/block less one': 16_383,
    'a/b/c/five and a bit': 5 * MIB + 12_345,
    'ünïcode ☃.txt': 262_145,
    'piece exactly.bin': 262_144,
    'z/last': 10 * MIB + 1,
  },
}

export const PAYLOADS: readonly PayloadShape[] = [LARGE_FILE, FOLDER]

/** Writes random files below `folder`. @returns the path to seed */
export function writePayload(folder: string, { name, files }: PayloadShape): string {
  for (const [path, length] of Object.entries(files)) {
    const file = join(folder, name, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, randomFillSync(Buffer.allocUnsafe(length)))
  }
  return join(folder, name)
}

/** Paths below `folder/name` that are missing or differ; files there that the payload does not have count too. */
export function differences(shape: PayloadShape, original: string, copy: string): string[] {
  const wanted = Object.keys(shape.files)
  const wrong = wanted.filter((path) => {
    const bytes = readFileSync(join(original, shape.name, path))
    return !bytes.equals(readFileSync(join(copy, shape.name, path)))
  })
  if (wanted.includes('')) return wrong
  const found = readdirSync(join(copy, shape.name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(copy, shape.name).length + 1))
  return [...wrong, ...found.filter((path) => !wanted.includes(path))]
}
