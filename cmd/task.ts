/** What a command line asks for. */
import { environmentName, SETTINGS, type Config, type SettingName } from '../src/app/config.ts'
import { ConfigError } from '../src/app/library.ts'
import { findMetainfo } from '../src/app/node/files.ts'
import { refuseForeignUrl } from './source.ts'

export type Task =
  | { readonly role: 'seed'; readonly path: string }
  /** `source`: a metainfo file, its URL, or a magnet link. `target`: a folder, or the payload's new name. */
  | { readonly role: 'get'; readonly source: string; readonly target?: string }
  | { readonly role: 'dht'; readonly listen: string }

export type Role = Task['role']

export type TaskOf<R extends Role> = Extract<Task, { role: R }>

/** The flags that were given. What else is set comes from variables. */
type Flags = Readonly<Partial<Record<SettingName, unknown>>>

/**
 * @param words `positional` are `[source] [target]`, or `[target]` behind `-get`
 * @returns undefined when there is nothing to do
 * @throws {ConfigError} `config.usage` for what contradicts itself
 */
export async function chooseTask(
  config: Config,
  { flags, positional }: { readonly flags: Flags; readonly positional: readonly string[] },
  cwd: string,
): Promise<Task | undefined> {
  const { seed, get, dhtListen } = config
  refuseContradictions(config, flags)
  const usage = (message: string): ConfigError => new ConfigError('config.usage', message)
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
  refuseForeignUrl(source)
  return { role: 'get', source, ...(second !== undefined && { target: second }) }
}

/** A flag silences the variable of what it excludes, so that here are two flags, or two variables. */
function refuseContradictions(config: Config, flags: Flags): void {
  const { seed, get, port, tcpListen, verbose, logLevel, quiet, progress } = config
  const named = (name: SettingName): string =>
    flags[name] === undefined ? environmentName(name) : `-${SETTINGS[name].flags[0]}`
  const refuse = (message: string): never => {
    throw new ConfigError('config.usage', message)
  }
  if (seed !== undefined && get !== undefined)
    refuse(`${named('seed')} and ${named('get')} exclude each other: start two processes`)
  if (port !== undefined && tcpListen !== undefined)
    refuse(`${named('port')} and ${named('tcpListen')} mean the same: give one`)
  if (verbose && logLevel !== undefined && logLevel !== 'debug')
    refuse(`${named('verbose')} means ${named('logLevel')} debug, not ${logLevel}: give one`)
  if (quiet && progress) refuse(`${named('quiet')} and ${named('progress')} exclude each other: give one`)
}

/** The name of each task, and the settings that have no effect on it. */
const WITHOUT_EFFECT: Readonly<
  Record<Role, { readonly where: string; readonly settings: readonly SettingName[] }>
> = {
  seed: {
    where: 'with -seed',
    settings: ['dest', 'saveMetainfo', 'overwrite', 'timeout', 'strategy', 'sync'],
  },
  get: { where: 'on a download', settings: ['embedBootstrap', 'pieceLength'] },
  dht: {
    where: 'on a node for the DHT alone',
    settings: [
      'dest',
      'saveMetainfo',
      'overwrite',
      'embedBootstrap',
      'keep',
      'timeout',
      'tcpListen',
      'port',
      'peer',
      'tracker',
      'blocklist',
      'strategy',
      'maxPeers',
      'maxUp',
      'maxDown',
      'limitLan',
      'sync',
      'pieceLength',
    ],
  },
}

/** Settings of the DHT, which have no effect when there is none. */
const NEEDS_DHT: readonly SettingName[] = ['bootstrap', 'embedBootstrap', 'dhtNet', 'swarmKey']

/** Sentences about the flags that have no effect. Variables do not count: they are set once for all tasks. */
export function tellVain(
  { role }: Task,
  { dhtListen }: Pick<Config, 'dhtListen'>,
  flags: Flags,
): readonly string[] {
  const { where, settings } = WITHOUT_EFFECT[role]
  const tell = (names: readonly SettingName[], when: string): string[] => {
    const vain = names
      .filter((name) => flags[name] !== undefined)
      .map((name) => `-${SETTINGS[name].flags[0]}`)
    return vain.length === 0
      ? []
      : [`${vain.join(', ')} ${vain.length === 1 ? 'has' : 'have'} no effect ${when}`]
  }
  return [...tell(settings, where), ...(dhtListen === '' ? tell(NEEDS_DHT, 'without a DHT') : [])]
}
