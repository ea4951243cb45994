/** Where state lies that outlives a process. */
import type { Config } from '../src/app/config.ts'
import { join, resolve } from '../src/app/node/files.ts'
import type { Env } from './env.ts'

/** @returns undefined when nothing is to be kept, or when the system does not say where */
export function stateDir(
  { stateDir: given }: Config,
  { variables, cwd }: Pick<Env, 'variables' | 'cwd'>,
): string | undefined {
  if (given !== undefined) return given === '' ? undefined : resolve(cwd, given)
  const { XDG_STATE_HOME: xdg, HOME: home } = variables
  // A relative path is to be ignored (XDG Base Directory Specification).
  if (xdg?.startsWith('/')) return join(xdg, 'bitswarm')
  return home ? join(home, '.local/state/bitswarm') : undefined
}
