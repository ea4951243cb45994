/** What a command line asks for. */
import type { Config } from '../src/app/config.ts'
import { ConfigError } from '../src/app/library.ts'
import { findMetainfo } from '../src/app/node/files.ts'

export type Task =
  | { readonly role: 'seed'; readonly path: string }
  /** `source`: a metainfo file, its URL, or a magnet link. `target`: a folder, or the payload's new name. */
  | { readonly role: 'get'; readonly source: string; readonly target?: string }
  | { readonly role: 'dht'; readonly listen: string }

export type TaskOf<Role extends Task['role']> = Extract<Task, { role: Role }>

/**
 * @param positional `[source] [target]`, or `[target]` behind `-get`
 * @returns undefined when there is nothing to do
 * @throws {ConfigError} `config.usage` for what contradicts itself
 */
export async function chooseTask(
  config: Config,
  positional: readonly string[],
  cwd: string,
): Promise<Task | undefined> {
  const { seed, get, dhtListen, port, tcpListen } = config
  const usage = (message: string): ConfigError => new ConfigError('config.usage', message)
  if (seed !== undefined && get !== undefined)
    throw usage('-seed and -get exclude each other: start two processes')
  if (port !== undefined && tcpListen !== undefined)
    throw usage('-port and -tcp-listen mean the same: give one')
  if (seed !== undefined) {
    if (positional.length > 0) throw usage(`-seed takes one path; what is '${positional[0]}' for?`)
    return { role: 'seed', path: seed }
  }
  const [first, second] = get === undefined ? positional : [get, ...positional]
  if (get !== undefined && positional.length > 1)
    throw usage(`-get takes one target; what is '${positional[1]}' for?`)
  if (first === undefined && dhtListen) return { role: 'dht', listen: dhtListen }
  const source = first ?? (await findMetainfo(cwd))
  if (source === undefined) return undefined
  return { role: 'get', source, ...(second !== undefined && { target: second }) }
}
