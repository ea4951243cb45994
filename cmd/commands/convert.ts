/** `bitswarm convert`: .bit to .torrent and back. */
import { readMetainfo, toHex } from '../../src/app/library.ts'
import { replaceFile, resolve } from '../../src/app/node/files.ts'
import { printable } from '../../src/app/terminal-text.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'
import { encoderFor } from '../metainfo-format.ts'
import { advised } from '../mistaken-metainfo.ts'
import { pathOf } from '../source.ts'

export async function convert(env: Env, from: string, to: string): Promise<number> {
  const out = resolve(env.cwd, to)
  const encode = encoderFor(out)
  const path = pathOf(env, from)
  const metainfo = await advised(path, readMetainfo(path))
  await replaceFile(out, encode(metainfo))
  env.stdout.write(`${toHex(metainfo.infoHash)}  ${printable(out)}\n`)
  return EXIT_OK
}
