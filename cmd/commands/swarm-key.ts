/** `bitswarm swarm-key`: a new key for a private DHT. */
import { resolve } from '../../src/app/node/files.ts'
import { writeSwarmKey } from '../../src/app/node/swarm-key.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'

export async function swarmKey(env: Env, path: string, { aead }: { readonly aead?: true }): Promise<number> {
  await writeSwarmKey(resolve(env.cwd, path), aead === true ? 'aead' : 'hmac')
  return EXIT_OK
}
