/** Reads one span of a file into several buffers: one system call, and one thread wake-up, for all of them. */
import { readv } from 'node:fs'
import { cut, totalLength } from '../buffer-list.ts'
import { cutShort } from './errno.ts'

/**
 * Fills the buffers, one after the other, with the bytes of the file from `offset` on.
 *
 * @param done gets an error when reading fails or the file ends before all are full
 */
export function readScattered(
  from: { readonly fd: number; readonly offset: number },
  into: readonly Uint8Array[],
  done: (error?: Error) => void,
): void {
  const { fd, offset } = from
  readv(fd, into, offset, (error, got) => {
    if (error !== null) return done(error)
    const missing = totalLength(into) - got
    if (missing === 0) return done()
    if (got === 0) return done(cutShort(offset))
    readScattered({ fd, offset: offset + got }, cut(into, got, missing), done)
  })
}
