/** Copying by Node's native `memmove`. */
import { Buffer } from 'node:buffer'
import type { CopyBytes } from '../../protocol/ports.ts'

export const copyBytes: CopyBytes = (source, target, at) => {
  Buffer.prototype.copy.call(source, target, at)
}
