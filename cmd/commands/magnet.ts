/** `bitswarm magnet`: the link that stands for a metainfo file. */
import { encodeMagnet, magnetOf, readMetainfo } from '../../src/app/library.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'
import { pathOf } from '../source.ts'

export async function magnet(env: Env, path: string): Promise<number> {
  env.stdout.write(`${encodeMagnet(magnetOf(await readMetainfo(pathOf(env, path))))}\n`)
  return EXIT_OK
}
