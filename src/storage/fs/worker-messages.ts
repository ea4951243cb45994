/** Messages between the main thread and a disk worker. Piece buffers are shared, not copied. */
import type { Verdict } from '../disk.ts'
import type { PathSpan } from '../file-map.ts'
import type { FsFault } from './errno.ts'

/**
 * Hash `data`, a whole piece, compare, write it to `spans`, which lie in `place`, and note it. Apart from the piece, only plain values:
 * copying a typed array to a thread takes longer than writing it to a file.
 */
export interface CommitWork {
  readonly data: Uint8Array
  /** SHA-1, in lowercase hex. */
  readonly digest: string
  readonly spans: readonly PathSpan[]
  /** Where the payload lies, free of symlinks. */
  readonly place: string
  readonly note: Note | undefined
}

/** Says that a piece was written. */
export interface Note {
  /** The file of notes. */
  readonly path: string
  readonly piece: number
  /** Hex. */
  readonly key: string
  /** Whether piece and note are to be synced before the piece counts as written. */
  readonly isDurable: boolean
}

export type WorkerRequest =
  | { readonly kind: 'commit'; readonly id: number; readonly pieces: readonly CommitWork[] }
  /** Read `spans`, which hold pieces of `pieceLength` bytes (the last may be short), and hash each. */
  | {
      readonly kind: 'hash'
      readonly id: number
      readonly spans: readonly PathSpan[]
      readonly pieceLength: number
    }
  /** Close files under this path. No reply. */
  | { readonly kind: 'forget'; readonly root: string }
  /** Close everything and end. No reply but the exit. */
  | { readonly kind: 'stop' }

/** The digest of a piece, or why it could not be read. */
export type HashedPiece = Uint8Array | FsFault

export type CommittedPiece = Verdict | FsFault

export type WorkerReply =
  | { readonly kind: 'committed'; readonly id: number; readonly pieces: readonly CommittedPiece[] }
  | { readonly kind: 'hashed'; readonly id: number; readonly pieces: readonly HashedPiece[] }
