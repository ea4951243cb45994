/** Where state is kept that outlives a process. */
import type { Config } from '../src/app/config.ts'
import { resolve } from '../src/app/node/files.ts'
import type { Env } from './env.ts'
import { xdgFolder } from './xdg.ts'

/** @returns undefined when nothing is to be kept, or the environment does not say where */
export function stateDir(
  { stateDir: given }: Config,
  { variables, cwd }: Pick<Env, 'variables' | 'cwd'>,
): string | undefined {
  if (given !== undefined) return given === '' ? undefined : resolve(cwd, given)
  return xdgFolder('STATE', variables)
}
