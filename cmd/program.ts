/** The command line as commander knows it: options from the table of settings, sub-commands, help. */
import { Command, Option } from 'commander'
import { SETTINGS, type Setting, type SettingName } from '../src/app/config.ts'
import type { RawValue } from '../src/app/setting-value.ts'
import { ConfigError } from '../src/protocol/errors.ts'
import { printable } from '../src/app/terminal-text.ts'
import { VERSION } from '../src/app/version.ts'
import type { OptionTable } from './argv.ts'
import type { Env } from './env.ts'
import { EXIT_OK, EXIT_USAGE } from './exit-code.ts'
import { meantBy } from './misspelt.ts'
import { addSimulation } from './simulation-command.ts'

const INTRODUCTION = `bitswarm moves a big file to many machines with one command and no server to run.

Examples:
  bitswarm -seed model.bin                         writes model.bin.bit, serves model.bin
  bitswarm -get model.bin.bit                      on the same network: finds it, downloads it, checked piece by piece
  bitswarm -get model.bin.bit -peer 10.0.0.5:20001 from an address
  bitswarm -dht-listen :10000                      a DHT node for others to join through
  bitswarm -get model.bin.bit -bootstrap 10.0.0.5:10000 -keep -1 | jq .event
  bitswarm ubuntu.torrent isos/                    the same as -get, into a folder
  bitswarm 'magnet:?xt=urn:btih:…'                 from a link alone
  bitswarm inspect ubuntu.torrent                  what is in it

One or two dashes mean the same: -seed f, --seed f, -seed=f.
`

const CLOSING = `
Each flag can be set by the environment: BITSWARM_MAX_PEERS=20 is -max-peers 20; the flag wins.
stdout carries one JSON object a line (docs/events.md), text for people goes to stderr.
Exit codes: 0 done or stopped, 1 unexpected, 2 usage, 3 metainfo, 4 no peers or network in time, 5 storage,
6 payload fails verification, 7 a simulation missed a goal, 130 interrupted, 141 the reader of stdout went away.`

/** @param onResult told the exit code of the command that ran */
export function buildProgram(env: Env, onResult: (code: number) => void): Command {
  const program = new Command('bitswarm')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => env.stdout.write(text),
      writeErr: (text) => env.stderr.write(text),
      outputError: (text, write) => write(`${printable(inOneLine(text, program))}\n`),
    })
    .configureHelp({ optionTerm: ({ flags }) => withOneDash(flags), commandUsage: usage })
    .enablePositionalOptions()
    .version(`bitswarm ${VERSION}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText('before', INTRODUCTION)
    .addHelpText('after', CLOSING)
    .argument('[metainfo]', 'a .torrent or .bit file, its URL, or a magnet link: the same as -get')
    .argument('[target]', 'a folder, or the new name of the payload')
    .allowExcessArguments(false)
    .action(async (metainfo: string | undefined, target: string | undefined) => {
      await checkCommand(env, program, metainfo)
      const { run } = await import('./commands/run.ts')
      const positional = [metainfo, target].filter((word) => word !== undefined)
      const code = await run(env, readFlags(program), positional)
      if (code === undefined) {
        program.outputHelp({ error: true })
        env.stderr.write(
          '\nbitswarm: nothing to do: no -seed, -get or -dht-listen, and no .torrent or .bit in this folder\n',
        )
        onResult(EXIT_USAGE)
      } else onResult(code)
    })
  for (const setting of Object.values(SETTINGS))
    for (const option of optionsOf(setting)) program.addOption(option)

  program
    .command('inspect <metainfo>')
    .description('show what is in a .torrent or .bit file, or what a magnet link says')
    .option('--json', 'one JSON object')
    .action(async (path: string, options: { json?: true }) => {
      const { inspect } = await import('./commands/inspect.ts')
      onResult(await inspect(env, path, options))
    })
  program
    .command('create <path>')
    .description('make a .bit or .torrent file for a file or folder')
    .addOption(new Option('--o, --out <file>', 'ends in .bit or .torrent (default: <path>.bit)'))
    .option('--piece-length <size>', SETTINGS.pieceLength.help.replace(/^.*: /, ''))
    .addOption(new Option('--tracker <url>', 'repeatable').argParser(collect))
    .addOption(new Option('--web-seed <url>', 'repeatable').argParser(collect))
    .option('--private', 'peers come from trackers only')
    .option('--comment <text>')
    .option('-q, --quiet', 'no progress')
    .action(async (path: string, options: Record<string, RawValue>) => {
      const { create } = await import('./commands/create.ts')
      onResult(await create(env, path, options))
    })
  program
    .command('convert <in> <out>')
    .description('.bit to .torrent or back: same info hash, nothing lost')
    .action(async (from: string, to: string) => {
      const { convert } = await import('./commands/convert.ts')
      onResult(await convert(env, from, to))
    })
  program
    .command('verify <metainfo>')
    .description('hash what is on disk; exit code 6 unless all is good')
    .option('--dest <dir>', 'folder that holds the payload (default: the current one)')
    .option('-q, --quiet', 'no progress')
    .action(async (path: string, options: { dest?: string; quiet?: true }) => {
      const { verify } = await import('./commands/verify.ts')
      onResult(await verify(env, path, options))
    })
  program
    .command('magnet <metainfo>')
    .description('print the magnet link of a .torrent or .bit file')
    .action(async (path: string) => {
      const { magnet } = await import('./commands/magnet.ts')
      onResult(await magnet(env, path))
    })
  addSimulation(program, env, onResult)
  program
    .command('swarm-key <file>')
    .description('make a key for -swarm-key; every machine of a private DHT gets a copy of the file')
    .option('--aead', 'encrypt what the DHT says; without, it is signed and can be read on the way')
    .action(async (path: string, options: { aead?: true }) => {
      const { swarmKey } = await import('./commands/swarm-key.ts')
      onResult(await swarmKey(env, path, options))
    })
  program
    .command('completion <shell>')
    .description('print a completion script for bash, zsh or fish: source <(bitswarm completion bash)')
    .action(async (shell: string) => {
      const { completion } = await import('./commands/completion.ts')
      onResult(completion(env, program, shell))
    })
  program
    .command('help [command...]')
    .description('print the help of a command')
    .action((names: readonly string[]) => {
      let command: Command | undefined = program
      for (const name of names) command = command?.commands.find((each) => each.name() === name)
      if (command === undefined)
        throw new ConfigError('config.usage', `'${names.join(' ')}' is no command; see bitswarm -help`)
      command.outputHelp()
      onResult(EXIT_OK)
    })
  for (const command of subcommands(program))
    command
      .copyInheritedSettings(program)
      .configureOutput({ outputError: (text, write) => write(`${printable(inOneLine(text, command))}\n`) })
      .allowExcessArguments(false)
  return program
}

/** What {@link normaliseArgv} must know: the options of the program and of all its commands. */
export function optionTable(program: Command): OptionTable {
  const options = [program, ...subcommands(program)].flatMap((command) => [...command.options])
  // An alias like `--o` counts as a long name as well.
  const names = (option: Option): string[] =>
    [option.long, option.short].filter((flag) => flag?.startsWith('--')).map((flag) => flag!.slice(2))
  return {
    valued: new Set(options.filter((option) => option.required).flatMap(names)),
    switches: new Set([...options.filter((option) => !option.required).flatMap(names), 'help']),
    shorts: new Set([
      ...options
        .map(({ short }) => short)
        .filter((short) => /^-[^-]$/.test(short ?? ''))
        .map((short) => short![1]!),
      'h',
    ]),
  }
}

/** @throws {ConfigError} the first word is no file, but nearly a command */
async function checkCommand(env: Env, program: Command, word: string | undefined): Promise<void> {
  const meant =
    word === undefined
      ? undefined
      : meantBy(
          word,
          program.commands.map((command) => command.name()),
        )
  if (meant === undefined) return
  const { exists, resolve } = await import('../src/app/node/files.ts')
  if (await exists(resolve(env.cwd, word!))) return
  throw new ConfigError(
    'config.usage',
    `'${word}' is neither a command nor a file here; did you mean ${meant}?`,
  )
}

/** All commands below one, however deep. */
function subcommands(command: Command): Command[] {
  return command.commands.flatMap((below) => [below, ...subcommands(below)])
}

/** The flags that were given, by setting. */
function readFlags(program: Command): Partial<Record<SettingName, RawValue>> {
  const given: Partial<Record<SettingName, RawValue>> = {}
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting][])
    for (const flag of setting.flags) {
      const value = program.getOptionValue(new Option(`--${flag}`).attributeName()) as RawValue | undefined
      if (value !== undefined) given[name] ??= value
    }
  return given
}

function optionsOf(setting: Setting): Option[] {
  const { flags, value, short, help, group, default: fallback, isList, isNegatable } = setting
  const text = fallback === undefined ? help : `${help} (default: ${fallback})`
  const options = flags.map((flag) => {
    const option = new Option(
      `${short === undefined ? '' : `-${short}, `}--${flag}${value === undefined ? '' : ` ${value}`}`,
      flag === flags[0] ? text : `the same as -${flags[0]}`,
    )
    if (isList) option.argParser(collect)
    return option.helpGroup(`${group}:`)
  })
  if (isNegatable) options.push(new Option(`--no-${flags[0]}`).hideHelp())
  return options
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

function withOneDash(flags: string): string {
  return flags.replaceAll(/--(?=\w)/g, '-')
}

function usage(command: Command): string {
  return command.parent === null
    ? 'bitswarm [flags] [metainfo] [target]  |  bitswarm <command>'
    : `${nameOf(command)} ${command.usage()}`
}

/** `bitswarm simulate dht`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

/** `error: unknown option '--sed'\n(Did you mean --seed?)` becomes one line that begins with our name; dashes as the contract has them. */
function inOneLine(text: string, command: Command): string {
  const line = withOneDash(text)
    .trim()
    .replace(/^error: |\.$/g, '')
    .replaceAll(/\s*\n\s*/g, ' ')
  return `bitswarm: ${line}; see ${nameOf(command)} -help`
}
