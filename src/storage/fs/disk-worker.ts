/**
 * A disk worker: hashes and writes whole pieces, and re-reads and hashes what is on disk. It blocks, knows no payloads, and
 * gets everything it needs with each request. Its memory does not depend on the piece length.
 */
import { createHash, hash } from 'node:crypto'
import { fdatasyncSync, readSync, writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { hasZeroPadding } from '../file-map.ts'
import type { PathSpan } from '../file-map.ts'
import { NOTE_BYTES, noteOf } from '../resume-notes.ts'
import { cutShort, faultOf } from './errno.ts'
import { READ_FLAGS, SyncHandles, WRITE_FLAGS } from './handles.ts'
import type {
  CommittedPiece,
  CommitWork,
  HashedPiece,
  Note,
  WorkerReply,
  WorkerRequest,
} from './worker-messages.ts'

/** Bytes read and hashed at once: few enough to be hashed from the processor's cache. */
const READ_BYTES = 256 * 1024

const handles = new SyncHandles()
let readBuffer: Uint8Array | undefined
/** The last key that notes were made with: pieces of one download come one after the other. */
let lastKey: { readonly text: string; readonly bytes: Uint8Array } = { text: '', bytes: new Uint8Array(0) }

/** Carries the path of the file that failed. */
class SpanError extends Error {
  readonly path: string

  constructor(path: string, cause: unknown) {
    super('reading or writing failed', { cause })
    this.path = path
  }
}

function onFile<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new SpanError(path, error)
  }
}

function write(spans: readonly PathSpan[], data: Uint8Array, place: string | undefined): void {
  let at = 0
  for (const { path, offset, length } of spans) {
    if (path !== undefined)
      onFile(path, () => {
        const fd = handles.open(path, WRITE_FLAGS, place)
        for (let done = 0; done < length;)
          done += writeSync(fd, data, at + done, length - done, offset + done)
      })
    at += length
  }
}

/** Calls `onBytes` with views of the one read buffer. */
function read({ path, offset, length }: PathSpan, onBytes: (bytes: Uint8Array) => void): void {
  const buffer = (readBuffer ??= new Uint8Array(READ_BYTES))
  if (path === undefined) {
    buffer.fill(0)
    for (let done = 0; done < length; done += READ_BYTES) onBytes(buffer.subarray(0, length - done))
    return
  }
  onFile(path, () => {
    const fd = handles.open(path, READ_FLAGS)
    for (let done = 0; done < length;) {
      const got = readSync(fd, buffer, 0, Math.min(READ_BYTES, length - done), offset + done)
      if (got === 0) throw cutShort(offset + done)
      onBytes(buffer.subarray(0, got))
      done += got
    }
  })
}

function hashPiece(spans: readonly PathSpan[]): Uint8Array {
  const sha1 = createHash('sha1')
  for (const span of spans) read(span, (bytes) => sha1.update(bytes))
  return sha1.digest()
}

/** Cuts the spans of a run of pieces at the piece borders. */
function* piecesOf(spans: readonly PathSpan[], pieceLength: number): Generator<PathSpan[]> {
  let piece: PathSpan[] = []
  let room = pieceLength
  for (const span of spans)
    for (let at = 0; at < span.length;) {
      const here = Math.min(room, span.length - at)
      piece.push(here === span.length ? span : { ...span, offset: span.offset + at, length: here })
      at += here
      room -= here
      if (room > 0) continue
      yield piece
      piece = []
      room = pieceLength
    }
  if (piece.length > 0) yield piece
}

function tryHash(spans: readonly PathSpan[]): HashedPiece {
  try {
    return hashPiece(spans)
  } catch (error) {
    if (!(error instanceof SpanError)) throw error
    return faultOf(error.cause, error.path)
  }
}

function commit({ data, digest, spans, note, place }: CommitWork): CommittedPiece {
  const isGood = hash('sha1', data, 'hex') === digest && hasZeroPadding(spans, data)
  if (!isGood) return 'corrupt'
  return unlessFailed(() => {
    write(spans, data, place)
    if (note !== undefined) writeNote(note)
  })
}

function writeNote({ path, piece, key }: Note): void {
  const span = { path, offset: piece * NOTE_BYTES, length: NOTE_BYTES }
  write([span], noteOf(bytesOf(key), piece), undefined)
}

function bytesOf(key: string): Uint8Array {
  if (lastKey.text !== key) lastKey = { text: key, bytes: Buffer.from(key, 'hex') }
  return lastKey.bytes
}

/** One sync of each file serves the whole group. */
function commitGroup(group: readonly CommitWork[]): CommittedPiece[] {
  const committed = group.map(commit)
  /** Each with the place that it must be in. */
  const files = new Map<string, string | undefined>()
  for (const [index, { spans, note, place }] of group.entries()) {
    if (!note?.isDurable || committed[index] !== 'written') continue
    for (const { path } of spans) if (path !== undefined) files.set(path, place)
    files.set(note.path, undefined)
  }
  const synced = unlessFailed(() => {
    for (const [path, place] of files)
      onFile(path, () => fdatasyncSync(handles.open(path, WRITE_FLAGS, place)))
  })
  return committed.map((result) => (result === 'written' ? synced : result))
}

function unlessFailed(work: () => void): CommittedPiece {
  try {
    work()
    return 'written'
  } catch (error) {
    if (!(error instanceof SpanError)) throw error
    return faultOf(error.cause, error.path)
  }
}

function answer(request: WorkerRequest): WorkerReply | undefined {
  switch (request.kind) {
    case 'commit':
      return { kind: 'committed', id: request.id, pieces: commitGroup(request.pieces) }
    case 'hash':
      return {
        kind: 'hashed',
        id: request.id,
        pieces: [...piecesOf(request.spans, request.pieceLength)].map(tryHash),
      }
    case 'forget':
      handles.close(request.root)
      return undefined
    case 'stop':
      handles.close()
      parentPort!.close()
      return undefined
  }
}

parentPort!.on('message', (request: WorkerRequest) => {
  const reply = answer(request)
  if (reply !== undefined) parentPort!.postMessage(reply)
})
