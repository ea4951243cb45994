/** `bitswarm magnet`: the link that stands for a metainfo file. */
import { encodeMagnet, magnetOf, readMetainfo } from '../../src/app/library.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'
import { advised } from '../mistaken-metainfo.ts'
import { pathOf } from '../source.ts'

export async function magnet(env: Env, source: string): Promise<number> {
  const path = pathOf(env, source)
  const metainfo = await advised(path, readMetainfo(path))
  env.stdout.write(`${encodeMagnet(magnetOf(metainfo))}\n`)
  return EXIT_OK
}
