/**
 * The one table of the node's settings: flag, meaning, default and limits. The command line, the environment, `--help` and
 * the README's table of flags are made from it.
 */
import { ORDER_NAMES } from '../peer/piece-order.ts'
import { ConfigError } from '../protocol/errors.ts'
import { DEFAULT_MAX_PEERS } from './connection-slots.ts'
import { LOG_LEVELS } from './event-level.ts'
import {
  bootstrapAddresses,
  dialAddresses,
  listenAddress,
  networkId,
  path,
  pieceLength,
  rate,
  trackerUrls,
} from './setting-forms.ts'
import { SYNC_POLICIES } from './sync-policy.ts'
import { oneOf, orEmpty, switchable, whole, type Parse, type RawValue } from './setting-value.ts'
import { printable } from './terminal-text.ts'

/** The greatest `-max-peers`. */
const MAX_MAX_PEERS = 2_000

export type SettingGroup = 'What to do' | 'Network' | 'Transfer' | 'Output'

export interface Setting {
  /** Long names without dashes, in the order of display. */
  readonly flags: readonly string[]
  /** The placeholder for its value: `<file>`; a switch when missing. */
  readonly value?: string
  readonly isList?: true
  /** A switch that may be on without being given: the documentation names its `-no-`, too. */
  readonly isNegatable?: true
  /** A one-letter switch. */
  readonly short?: string
  readonly group: SettingGroup
  readonly help: string
  /** As people read it; missing when there is none. */
  readonly default?: string
  readonly parse: Parse<unknown>
  /** The value when neither flag nor environment gives one; undefined when missing. */
  readonly fallback?: unknown
}

export const SETTINGS = {
  seed: {
    flags: ['seed'],
    value: '<file|dir>',
    group: 'What to do',
    help: 'write <path>.bit beside the payload if there is none, then serve it',
    parse: path,
  },
  get: {
    flags: ['get'],
    value: '<metainfo>',
    group: 'What to do',
    help: 'download what a .bit or .torrent (a file or URL) or a magnet link describes, then seed for -keep seconds',
    parse: path,
  },
  dest: {
    flags: ['dest', 'output'],
    value: '<dir>',
    group: 'What to do',
    help: 'output folder',
    default: 'the current one',
    parse: path,
    fallback: '.',
  },
  saveMetainfo: {
    flags: ['save-metainfo'],
    group: 'What to do',
    help: 'write <payload>.torrent beside the payload, if given a magnet link or URL',
    parse: switchable,
    fallback: false,
  },
  overwrite: {
    flags: ['overwrite'],
    group: 'What to do',
    help: 'overwrite files that are in the way and hold something else; truncate files that are too long',
    parse: switchable,
    fallback: false,
  },
  embedBootstrap: {
    flags: ['embed-bootstrap'],
    group: 'What to do',
    help: 'with -seed: write the addresses of this DHT node into the .bit, for others to join through',
    parse: switchable,
    fallback: false,
  },
  keep: {
    flags: ['keep'],
    value: '<seconds>',
    group: 'What to do',
    help: 'how long to keep seeding after complete; -1 = for ever',
    default: '0',
    parse: whole(-1, 1e9, ' of seconds'),
    fallback: 0,
  },
  timeout: {
    flags: ['timeout'],
    value: '<seconds>',
    group: 'What to do',
    help: 'give up when no payload has arrived for so long: exit code 4, or 5 if the disk is the cause; 0 = never',
    default: '0',
    parse: whole(0, 1e9, ' of seconds'),
    fallback: 0,
  },
  tcpListen: {
    flags: ['tcp-listen'],
    value: '<addr>',
    group: 'Network',
    help: 'TCP address for peers; a host given here is also the source of outgoing connections',
    default: ':0, any free port',
    parse: listenAddress,
  },
  port: {
    flags: ['port'],
    value: '<n>',
    group: 'Network',
    help: 'short for -tcp-listen :n',
    parse: whole(0, 65_535),
  },
  dhtListen: {
    flags: ['dht-listen'],
    value: '<addr>',
    group: 'Network',
    help: 'UDP address of the DHT; empty switches the DHT off; a port of your choice says that others can reach it; given alone, it makes a DHT-only bootstrap node',
    default: ':0',
    parse: orEmpty(listenAddress),
  },
  bootstrap: {
    flags: ['bootstrap'],
    value: '<addr,…>',
    isList: true,
    group: 'Network',
    help: 'DHT nodes to join through: host:port, srv:_dht._udp.example.org, or :10000 for 127.0.0.1:10000',
    parse: bootstrapAddresses,
    fallback: [],
  },
  peer: {
    flags: ['peer'],
    value: '<addr,…>',
    isList: true,
    group: 'Network',
    help: 'peers to connect to',
    parse: dialAddresses,
    fallback: [],
  },
  tracker: {
    flags: ['tracker'],
    value: '<url>',
    isList: true,
    group: 'Network',
    help: 'extra tracker (http, https or udp); repeatable',
    parse: trackerUrls,
    fallback: [],
  },
  lan: {
    flags: ['lan'],
    isNegatable: true,
    group: 'Network',
    help: 'find peers and DHT nodes on this network by multicast; -no-lan switches it off',
    default: 'on',
    parse: switchable,
    fallback: true,
  },
  blocklist: {
    flags: ['blocklist'],
    value: '<file>',
    group: 'Network',
    help: 'addresses to neither dial nor accept: CIDR, P2P or DAT lines, gzipped or not',
    parse: path,
  },
  dhtNet: {
    flags: ['dht-net'],
    value: '<id>',
    group: 'Network',
    help: 'network id of the DHT: nodes of other networks are never met',
    parse: networkId,
  },
  swarmKey: {
    flags: ['swarm-key'],
    value: '<file>',
    group: 'Network',
    help: 'key file of a private DHT, made by bitswarm swarm-key: nodes without it get no answer',
    parse: path,
  },
  stateDir: {
    flags: ['state-dir'],
    value: '<dir>',
    group: 'Network',
    help: 'where the DHT keeps its contacts between runs; the empty string: nowhere',
    default: '$XDG_STATE_HOME/bitswarm, or ~/.local/state/bitswarm',
    parse: orEmpty(path),
  },
  strategy: {
    flags: ['strategy'],
    value: '<name>',
    group: 'Transfer',
    help: 'which piece comes next: rarest, random or sequential',
    default: 'rarest',
    parse: oneOf(ORDER_NAMES),
    fallback: 'rarest',
  },
  maxPeers: {
    flags: ['max-peers'],
    value: '<n>',
    group: 'Transfer',
    help: 'connections at once; further candidates wait in a queue',
    default: String(DEFAULT_MAX_PEERS),
    parse: whole(1, MAX_MAX_PEERS),
    fallback: DEFAULT_MAX_PEERS,
  },
  maxUp: {
    flags: ['max-up'],
    value: '<rate>',
    group: 'Transfer',
    help: 'upload limit for all peers together; 2MiB is 2 MiB per second',
    default: 'unlimited',
    parse: rate,
  },
  maxDown: {
    flags: ['max-down'],
    value: '<rate>',
    group: 'Transfer',
    help: 'download limit, likewise',
    default: 'unlimited',
    parse: rate,
  },
  limitLan: {
    flags: ['limit-lan'],
    isNegatable: true,
    group: 'Transfer',
    help: 'apply both limits to peers on this machine and on private networks, too; -limit-lan=false exempts them',
    default: 'on',
    parse: switchable,
    fallback: true,
  },
  sync: {
    flags: ['sync'],
    value: '<when>',
    group: 'Transfer',
    help: 'what a power cut may cost a download: piece = what is being written, interval = the last 5 s and more, none = everything not yet synced',
    default: 'interval',
    parse: oneOf(SYNC_POLICIES),
    fallback: 'interval',
  },
  pieceLength: {
    flags: ['piece-length'],
    value: '<size>',
    group: 'Transfer',
    help: 'for -seed without metainfo: a power of two, 16KiB to 16MiB',
    default: '256KiB, doubled while there would be more than 32,768 pieces',
    parse: pieceLength,
  },
  logLevel: {
    flags: ['log-level'],
    value: '<level>',
    group: 'Output',
    help: LOG_LEVELS.join(', '),
    default: 'info',
    parse: oneOf(LOG_LEVELS),
  },
  verbose: {
    flags: ['verbose'],
    short: 'v',
    group: 'Output',
    help: 'the same as -log-level debug',
    parse: switchable,
    fallback: false,
  },
  quiet: {
    flags: ['quiet'],
    short: 'q',
    group: 'Output',
    help: 'no text on stderr except errors',
    parse: switchable,
    fallback: false,
  },
  progress: {
    flags: ['progress'],
    isNegatable: true,
    group: 'Output',
    help: 'progress on stderr; -no-progress switches it off',
    default: 'on a terminal, unless the log goes to the same one',
    parse: switchable,
  },
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof SETTINGS

/** The settings after flags, environment and defaults. */
export type Config = {
  readonly [Name in SettingName]:
    | ReturnType<(typeof SETTINGS)[Name]['parse']>
    | ((typeof SETTINGS)[Name] extends { readonly fallback: unknown } ? never : undefined)
}

/** `BITSWARM_TCP_LISTEN`. */
export function environmentName(setting: SettingName): string {
  return `BITSWARM_${SETTINGS[setting].flags[0].toUpperCase().replaceAll('-', '_')}`
}

/** The setting whose flag silences a setting's variable: only one of the two can have its way. */
const RIVALS: Readonly<Partial<Record<SettingName, SettingName>>> = {
  seed: 'get',
  get: 'seed',
  port: 'tcpListen',
  tcpListen: 'port',
  logLevel: 'verbose',
  verbose: 'logLevel',
  progress: 'quiet',
  quiet: 'progress',
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Flags win over the environment, the environment over defaults.
 *
 * @throws {ConfigError} one line that names the flag or variable, the value, and what it should be
 */
export function readConfig(
  flags: Readonly<Partial<Record<SettingName, RawValue>>>,
  environment: Environment,
): Config {
  const config: Record<string, unknown> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const { fallback }: Setting = SETTINGS[name]
    const rival = RIVALS[name]
    // `-no-progress` contradicts nothing.
    const isSilenced = rival !== undefined && flags[rival] !== undefined && flags[rival] !== false
    config[name] = readSetting(name, flags[name], isSilenced ? {} : environment) ?? fallback
  }
  return config as Config
}

/**
 * What flag or environment say of one setting. An empty variable is as good as none, except where the empty text means
 * something (`-dht-listen`, `-state-dir`).
 *
 * @throws {ConfigError} as {@link readConfig}
 */
export function readSetting<Name extends SettingName>(
  name: Name,
  flag: RawValue | undefined,
  environment: Environment,
): ReturnType<(typeof SETTINGS)[Name]['parse']> | undefined {
  const { parse, flags }: Setting = SETTINGS[name]
  const variable = environmentName(name)
  const text = name === 'port' ? withoutService(environment[variable]) : environment[variable]
  const isSet = text !== '' || parse.takesEmpty === true
  const value =
    flag === undefined && isSet ? check(variable, parse, text) : check(`-${flags[0]}`, parse, flag)
  return value as ReturnType<(typeof SETTINGS)[Name]['parse']> | undefined
}

/** Kubernetes sets `BITSWARM_PORT=tcp://10.96.0.1:10000` where there is a service called bitswarm: that is no setting of ours. */
function withoutService(text: string | undefined): string | undefined {
  return text !== undefined && /^(tcp|udp|sctp):\/\/[^\s/]+:\d+$/.test(text) ? undefined : text
}

/**
 * @param name how the user knows the value: `-keep`
 * @returns undefined when nothing is given
 * @throws {ConfigError} `config.value`
 */
export function check<T>(name: string, parse: Parse<T>, value: RawValue | undefined): T | undefined {
  if (value === undefined) return undefined
  try {
    return parse(value)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const shown = printable(Array.isArray(value) ? value.join(',') : String(value))
    // An address says itself what it is.
    const named = error.message.startsWith(`'${shown}' `) ? error.message : `'${shown}': ${error.message}`
    throw new ConfigError('config.value', `${name} ${named}`)
  }
}
