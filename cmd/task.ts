/** What a command line asks for. */
import type { Config } from '../src/app/config.ts'
import { ConfigError } from '../src/app/library.ts'
import { findMetainfo } from '../src/app/node/files.ts'

export type Task =
  | { readonly role: 'seed'; readonly path: string }
  /** `target`: a folder, or the payload's new name. */
  | { readonly role: 'get'; readonly metainfo: string; readonly target?: string }
  | { readonly role: 'dht'; readonly listen: string }

/**
 * @param positional `[metainfo] [target]`, or `[target]` behind `-get`
 * @returns undefined when there is nothing to do
 * @throws {ConfigError} `config.usage` for what contradicts itself or is not supported
 */
export async function chooseTask(
  config: Config,
  positional: readonly string[],
  cwd: string,
): Promise<Task | undefined> {
  const { seed, get, dhtListen, tracker, port, tcpListen } = config
  const usage = (message: string): ConfigError => new ConfigError('config.usage', message)
  if (seed !== undefined && get !== undefined)
    throw usage('-seed and -get exclude each other: start two processes')
  if (port !== undefined && tcpListen !== undefined)
    throw usage('-port and -tcp-listen mean the same: give one')
  if (tracker.length > 0)
    throw usage('-tracker is not supported with a running node by this version, only with create')
  if (seed !== undefined) {
    if (positional.length > 0) throw usage(`-seed takes one path; what is '${positional[0]}' for?`)
    return { role: 'seed', path: seed }
  }
  const [first, second] = get === undefined ? positional : [get, ...positional]
  if (get !== undefined && positional.length > 1)
    throw usage(`-get takes one target; what is '${positional[1]}' for?`)
  if (first === undefined && dhtListen) return { role: 'dht', listen: dhtListen }
  const metainfo = first ?? (await findMetainfo(cwd))
  if (metainfo === undefined) return undefined
  if (/^magnet:/i.test(metainfo))
    throw usage('magnet links are not supported by this version: give a .bit or .torrent file')
  if (/^https?:\/\//i.test(metainfo))
    throw usage('metainfo is not fetched from URLs by this version: give a .bit or .torrent file')
  return { role: 'get', metainfo, ...(second !== undefined && { target: second }) }
}
