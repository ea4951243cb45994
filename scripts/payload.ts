/** Files to send around: random ones, and proof that two are the same. */
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream, statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'

export const MIB = 1_048_576

/** Writes `length` random bytes, a MiB at a time. */
export async function writeRandomFile(path: string, length: number): Promise<void> {
  const file = await open(path, 'wx')
  try {
    const chunk = Buffer.allocUnsafe(MIB)
    for (let rest = length; rest > 0; rest -= MIB)
      await file.write(randomFillSync(chunk), 0, Math.min(rest, MIB))
  } finally {
    await file.close()
  }
}

/** SHA-256 in hex, streamed. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: MIB })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Bytes that this user may still write below `folder`. */
export function freeSpace(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
