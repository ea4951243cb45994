/** `bitswarm verify`: hashes what is on disk. */
import { check } from '../../src/app/config.ts'
import {
  PayloadError,
  readMetainfo,
  StorageError,
  verifyPayload,
  type Metainfo,
} from '../../src/app/library.ts'
import { join, resolve } from '../../src/app/node/files.ts'
import { formatSize } from '../../src/app/quantity.ts'
import { path as pathForm } from '../../src/app/setting-forms.ts'
import { printable } from '../../src/app/terminal-text.ts'
import type { Env } from '../env.ts'
import { EXIT_OK, EXIT_PAYLOAD, EXIT_STORAGE } from '../exit-code.ts'
import { complain } from '../main.ts'
import { advised } from '../mistaken-metainfo.ts'
import { IDLE, Screen } from '../screen.ts'
import { pathOf } from '../source.ts'

/** Nothing of it is there, or something else is in its place, such as a folder: that fails verification, as much as bad pieces do. */
const IS_NO_PAYLOAD: ReadonlySet<string> = new Set(['disk.missing', 'disk.occupied', 'disk.unsafe-path'])
/** Files named one by one. */
const MAX_NAMED_FILES = 20
/** Runs of bad pieces named one by one. */
const MAX_RANGES = 20

export async function verify(
  env: Env,
  metainfoPath: string,
  { dest, quiet = false }: { readonly dest?: string; readonly quiet?: boolean },
): Promise<number> {
  const folder = resolve(env.cwd, check('-dest', pathForm, dest) ?? '.')
  const source = pathOf(env, metainfoPath)
  const metainfo = await advised(source, readMetainfo(source))
  const path = join(folder, metainfo.name)
  const screen = new Screen(env, { quiet })
  const { badPieces, badFiles, pieceCount, ...rest } = await hash(metainfo, path, screen)
  const { unreadPieces, unread, amiss } = rest
  const good = pieceCount - badPieces.length
  if (good === pieceCount && amiss === undefined) {
    const size = formatSize(metainfo.geometry.length)
    env.stdout.write(`${printable(path)}: all ${pieceCount} pieces are good (${size})\n`)
    return EXIT_OK
  }
  const isUnread = new Set(unreadPieces)
  const refuted = badPieces.filter((piece) => !isUnread.has(piece))
  const parts = [
    `${good} of ${pieceCount} pieces are good`,
    ...listed('bad', refuted),
    ...listed('could not be read', unreadPieces),
  ]
  env.stdout.write(`${printable(path)}: ${parts.join('; ')}\n`)
  if (!metainfo.isSingleFile) {
    for (const file of badFiles.slice(0, MAX_NAMED_FILES)) env.stdout.write(`  ${printable(file)}\n`)
    if (badFiles.length > MAX_NAMED_FILES)
      env.stdout.write(`  and ${badFiles.length - MAX_NAMED_FILES} more files\n`)
  }
  for (const error of amiss === undefined ? unread : [amiss, ...unread]) complain(env, error)
  return unread.length === 0 ? EXIT_PAYLOAD : EXIT_STORAGE
}

function listed(what: string, pieces: readonly number[]): string[] {
  return pieces.length === 0 ? [] : [`${what}: ${ranges(pieces)}`]
}

async function hash(metainfo: Metainfo, path: string, screen: Screen): ReturnType<typeof verifyPayload> {
  try {
    return await verifyPayload(metainfo, path, {
      onProgress: (bytesHave: number, length: number) =>
        screen.show({ ...IDLE, name: metainfo.name, length, bytesHave, activity: 'checking' }),
    })
  } catch (error) {
    if (error instanceof StorageError && IS_NO_PAYLOAD.has(error.code))
      throw new PayloadError('payload.mismatch', error.message, { cause: error })
    throw error
  } finally {
    screen.clear()
  }
}

/** `3, 7-9, 12`; cut off when it gets long. */
function ranges(pieces: readonly number[]): string {
  const parts: string[] = []
  for (let i = 0; i < pieces.length;) {
    let end = i
    while (pieces[end + 1] === pieces[end]! + 1) end++
    parts.push(end === i ? `${pieces[i]}` : `${pieces[i]}-${pieces[end]}`)
    i = end + 1
  }
  return parts.length <= MAX_RANGES ? parts.join(', ') : `${parts.slice(0, MAX_RANGES).join(', ')}, …`
}
