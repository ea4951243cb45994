/** The resume file and the notes beside a payload. */
import { constants } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Remembered } from '../disk.ts'
import type { FileMap } from '../file-map.ts'
import { NOTE_BYTES } from '../resume-notes.ts'
import { MAX_RESUME_BYTES } from '../resume.ts'
import { syncFolder, unfinished } from './durable-file.ts'
import { errnoOf } from './errno.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants

interface RememberedFile {
  readonly bytes: Uint8Array | undefined
  readonly modifiedAt: number
}

export async function readRemembered(map: FileMap): Promise<Remembered> {
  const resume = await readSmall(map.resumePath, MAX_RESUME_BYTES)
  const notes = await readSmall(map.notesPath, notesLength(map))
  return {
    resume: resume.bytes,
    notes: notes.bytes,
    writtenAt: Math.max(resume.modifiedAt, notes.modifiedAt),
  }
}

/** Creates an empty file of notes: those of an earlier download are void under the new key. */
export async function createNotes(map: FileMap, isDurable: boolean): Promise<void> {
  const file = await open(map.notesPath, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666)
  try {
    await file.truncate(0)
    await file.truncate(notesLength(map))
    if (isDurable) await file.sync()
  } finally {
    await file.close()
  }
  if (isDurable) await syncFolder(dirname(map.notesPath))
}

export async function eraseNotes(map: FileMap, pieces: readonly number[]): Promise<void> {
  const nothing = new Uint8Array(NOTE_BYTES)
  const file = await open(map.notesPath, O_RDWR | O_NOFOLLOW)
  try {
    for (const piece of pieces) await file.write(nothing, 0, NOTE_BYTES, piece * NOTE_BYTES)
  } finally {
    await file.close()
  }
}

/** The resume file goes first: without it, notes say nothing. */
export async function removeRemembered(map: FileMap): Promise<void> {
  await rm(map.resumePath, { force: true })
  await rm(unfinished(map.resumePath), { force: true })
  await rm(map.notesPath, { force: true })
}

function notesLength(map: FileMap): number {
  return map.geometry.pieceCount * NOTE_BYTES
}

async function readSmall(path: string, maxBytes: number): Promise<RememberedFile> {
  try {
    // Opening a pipe for reading would wait for a writer.
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      const stats = await file.stat()
      const isOurs = stats.isFile() && stats.size <= maxBytes
      return { bytes: isOurs ? await file.readFile() : undefined, modifiedAt: stats.mtimeMs }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { bytes: undefined, modifiedAt: 0 }
    throw error
  }
}
