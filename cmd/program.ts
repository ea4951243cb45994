/** The command line as commander knows it: what all commands share, and those that do one small thing. */
import { Command, Option } from 'commander'
import { ConfigError } from '../src/protocol/errors.ts'
import { printable } from '../src/app/terminal-text.ts'
import { VERSION } from '../src/app/version.ts'
import type { OptionTable } from './argv.ts'
import type { Env } from './env.ts'
import { EXIT_OK } from './exit-code.ts'
import { CLOSING, INTRODUCTION, inOneLine, usage, withOneDash } from './help.ts'
import { addMetainfoCommands } from './metainfo-commands.ts'
import { meantBy } from './misspelt.ts'
import { addNode } from './node-command.ts'
import { addSimulation } from './simulation-command.ts'

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
    .allowExcessArguments(false)
    .hook('preAction', (_, command) => {
      refuseEmpty(command.args)
      refuseStray(program, command)
    })
  addNode(program, env, onResult)
  addMetainfoCommands(program, env, onResult)
  addSimulation(program, env, onResult)
  addSwarmKey(program, env, onResult)
  addCompletion(program, env, onResult)
  addHelp(program, onResult)
  for (const command of subcommands(program))
    command
      .copyInheritedSettings(program)
      .configureOutput({ outputError: (text, write) => write(`${printable(inOneLine(text, command))}\n`) })
      .allowExcessArguments(false)
  for (const command of [program, ...subcommands(program)])
    // A switch that is off by default can be switched off all the same: its variable may be on.
    for (const option of [...command.options]) {
      if (!option.required) command.addOption(new Option(`--no-${option.long!.slice(2)}`).hideHelp())
      else if (!option.parseArg) option.argParser(once(option))
    }
  return program
}

/** What {@link normaliseArgv} needs to know: the options of the program and of all its commands. */
export function optionTable(program: Command): OptionTable {
  const options = [program, ...subcommands(program)].flatMap((command) => [...command.options])
  // An alias like `--o` counts as a long name as well.
  const names = (option: Option): string[] =>
    [option.long, option.short].filter((flag) => flag?.startsWith('--')).map((flag) => flag!.slice(2))
  return {
    valued: new Set(options.filter((option) => option.required).flatMap(names)),
    switches: new Set([...options.filter((option) => !option.required).flatMap(names), 'help']),
    shorts: new Map([
      ...options
        .filter(({ short }) => /^-[^-]$/.test(short ?? ''))
        .map(({ short, long }) => [short![1]!, long!.slice(2)] as const),
      ['h', 'help'],
    ]),
  }
}

function addSwarmKey(program: Command, env: Env, onResult: (code: number) => void): void {
  program
    .command('swarm-key <file>')
    .description('make a key for -swarm-key; every machine of a private DHT gets a copy of the file')
    .option('--aead', 'encrypt the DHT, too; otherwise its datagrams are signed, but can be read on the way')
    .action(async (path: string, options: { aead?: true }) => {
      const { swarmKey } = await import('./commands/swarm-key.ts')
      onResult(await swarmKey(env, path, options))
    })
}

function addCompletion(program: Command, env: Env, onResult: (code: number) => void): void {
  program
    .command('completion <shell>')
    .description('print a completion script for bash, zsh or fish: source <(bitswarm completion bash)')
    .action(async (shell: string) => {
      const { completion } = await import('./commands/completion.ts')
      onResult(completion(env, program, shell))
    })
}

function addHelp(program: Command, onResult: (code: number) => void): void {
  program
    .command('help [command...]')
    .description('print the help of a command')
    .action((names: readonly string[]) => {
      let command: Command | undefined = program
      for (const name of names) command = command?.commands.find((each) => each.name() === name)
      if (command === undefined) throw noCommand(names, program)
      command.outputHelp()
      onResult(EXIT_OK)
    })
}

function noCommand(names: readonly string[], program: Command): ConfigError {
  const known = program.commands.map((command) => command.name())
  const meant = names.length === 1 ? meantBy(names[0]!, known) : undefined
  const hint = meant === undefined ? '' : ` did you mean ${meant}?`
  return new ConfigError('config.usage', `'${names.join(' ')}' is not a command;${hint} see bitswarm -help`)
}

/**
 * Most likely a variable that a script did not set: an empty path would resolve to the current folder.
 *
 * @throws {ConfigError}
 */
function refuseEmpty(words: readonly string[]): void {
  if (words.includes('')) throw new ConfigError('config.usage', "'' is no path: is a variable empty?")
}

/**
 * What stands before the name of a command is a flag of the node, which does not run.
 *
 * @throws {ConfigError}
 */
function refuseStray(program: Command, command: Command): void {
  if (command === program) return
  const stray = program.options.find(
    (option) => program.getOptionValueSource(option.attributeName()) === 'cli',
  )
  if (stray === undefined) return
  const [flag, name] = [withOneDash(stray.long!), command.name()]
  throw new ConfigError('config.usage', `${flag} has no effect before ${name}: flags go behind the command`)
}

/**
 * The value of an option that takes one: of two the first would be lost without a word.
 *
 * @throws {ConfigError}
 */
function once({ long }: Option): (value: string) => string {
  let given: string | undefined
  return (value) => {
    if (given !== undefined && given !== value)
      throw new ConfigError('config.usage', `${withOneDash(long!)} is given twice: '${given}' and '${value}'`)
    given = value
    return value
  }
}

/** All commands below one, however deep. */
function subcommands(command: Command): Command[] {
  return command.commands.flatMap((below) => [below, ...subcommands(below)])
}
