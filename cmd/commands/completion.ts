/** `bitswarm completion`: scripts for shells, made from the command line's own table. */
import type { Command, Option } from 'commander'
import { SETTINGS, type Setting } from '../../src/app/config.ts'
import { ConfigError } from '../../src/app/library.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'

/** What may follow a flag or a command: one of these words, a folder, any file, or something that cannot be completed. */
type Value = readonly string[] | 'folder' | 'file' | 'unknown'

interface Flag {
  /** With one dash, as the contract writes it. */
  readonly flag: string
  readonly description: string
  /** Missing for a switch. */
  readonly value?: Value
}

interface Flags {
  readonly command: string
  readonly description: string
  /** What it is given. */
  readonly words: Value
  readonly flags: readonly Flag[]
}

const SCRIPTS: Readonly<Record<string, (root: Flags, commands: readonly Flags[]) => string>> = {
  bash,
  zsh,
  fish,
}

export function completion(env: Env, program: Command, shell: string): number {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
  if (script === undefined)
    throw new ConfigError('config.usage', `completion for '${shell}'? There are bash, zsh and fish`)
  const commands = program.createHelp().visibleCommands(program)
  const wordsOf = (command: Command): Value => {
    if (command === program) return 'file'
    if (command.name() === 'help') return commands.map((each) => each.name())
    if (command.name() === 'completion') return Object.keys(SCRIPTS)
    return command.commands.length > 0 ? command.commands.map((below) => below.name()) : 'file'
  }
  const flagsOf = (command: Command, options: readonly Option[]): Flags => ({
    command: command.name(),
    description: command.description(),
    words: wordsOf(command),
    flags: options.filter(isShown).map(flagOf),
  })
  env.stdout.write(
    script(
      flagsOf(program, program.options),
      commands.map((command) => flagsOf(command, optionsOf(command))),
    ),
  )
  return EXIT_OK
}

/** Of switches that are off by default, the `-no-` is of use to whoever has switched a variable on, and in the way of others. */
function isShown({ long, negate }: Option): boolean {
  const settings: readonly Setting[] = Object.values(SETTINGS)
  return !negate || settings.some(({ flags, isNegatable }) => isNegatable && long === `--no-${flags[0]}`)
}

function flagOf(option: Option): Flag {
  const flag = option.long!.slice(1)
  const description = option.description
  return option.required ? { flag, description, value: valueOf(option) } : { flag, description }
}

function valueOf({ flags, long }: Option): Value {
  const settings: readonly Setting[] = Object.values(SETTINGS)
  const setting = settings.find((each) => each.flags.includes(long!.slice(2)))
  if (setting?.parse.choices) return setting.parse.choices
  if (flags.endsWith('<dir>')) return 'folder'
  return /<(file.*|metainfo)>$/.test(flags) ? 'file' : 'unknown'
}

/** Its own, and those of the commands below it. */
function optionsOf(command: Command): readonly Option[] {
  const options = [command, ...command.commands].flatMap((each) => each.options)
  return options.filter(({ long }, i) => options.findIndex((other) => other.long === long) === i)
}

/** Branches of a `case` on the previous flag: each kind of value with all flags that take it. Flags mean the same in all commands. */
function branches(all: readonly Flags[], complete: (value: Value) => string): string {
  const flagsBy = new Map<string, Set<string>>()
  for (const { flag, value } of all.flatMap(({ flags }) => flags)) {
    if (value === undefined) continue
    const action = complete(value)
    flagsBy.set(action, (flagsBy.get(action) ?? new Set()).add(flag))
  }
  return [...flagsBy].map(([action, flags]) => `    ${[...flags].join('|')}) ${action}; return ;;`).join('\n')
}

function names({ flags }: Flags): string {
  return flags.map(({ flag }) => flag).join(' ')
}

function bash(root: Flags, commands: readonly Flags[]): string {
  const complete = (value: Value): string => {
    if (value === 'unknown') return ':'
    if (value === 'folder' || value === 'file')
      return `COMPREPLY=($(compgen ${value === 'folder' ? '-d' : '-f'} -- "$word"))`
    return `COMPREPLY=($(_bitswarm_words '${value.join(' ')}' "$word"))`
  }
  const cases = commands.map(
    (command) => `    ${command.command}) flags='${names(command)}'; ${complete(command.words)} ;;`,
  )
  return `# bitswarm completion for bash: source <(bitswarm completion bash)
_bitswarm_words() {
  local IFS=' '
  compgen -W "$1" -- "$2"
}
_bitswarm() {
  local IFS=$'\\n' word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} flags dash=
  COMPREPLY=()
  case \${before/#--/-} in
${branches([root, ...commands], complete)}
  esac
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
    *) flags='${names(root)}'; ${complete(root.words)} ;;
  esac
  [[ $word == --* ]] && dash=-
  if [[ $word == -* ]]; then
    COMPREPLY=($(_bitswarm_words "$flags" "\${word#"$dash"}"))
    COMPREPLY=("\${COMPREPLY[@]/#/$dash}")
  elif ((COMP_CWORD == 1)); then
    COMPREPLY+=($(_bitswarm_words '${commands.map(({ command }) => command).join(' ')}' "$word"))
  fi
}
complete -o filenames -F _bitswarm bitswarm
`
}

function zsh(root: Flags, commands: readonly Flags[]): string {
  const complete = (value: Value): string => {
    if (value === 'unknown') return '_message value'
    return value === 'folder' ? '_files -/' : value === 'file' ? '_files' : `compadd ${value.join(' ')}`
  }
  const words = ({ flags }: Flags): string =>
    flags.map(({ flag, description }) => quoted(`${flag}:${description.replaceAll(':', '\\:')}`)).join(' ')
  const cases = commands.map(
    (command) =>
      `    ${command.command}) flags=(${words(command)}); _bitswarm_others() { ${complete(command.words)} } ;;`,
  )
  return `#compdef bitswarm
# bitswarm completion for zsh: bitswarm completion zsh > ~/.zfunc/_bitswarm
_bitswarm() {
  local -a flags commands
  commands=(${commands.map(({ command, description }) => quoted(`${command}:${description}`)).join(' ')})
  case \${words[CURRENT-1]/#--/-} in
${branches([root, ...commands], complete)}
  esac
  case $words[2] in
${cases.join('\n')}
    *) flags=(${words(root)}); _bitswarm_others() { ${complete(root.words)} } ;;
  esac
  if [[ $words[CURRENT] == -* ]]; then
    _describe -o flag flags
  else
    (( CURRENT == 2 )) && _describe command commands
    _bitswarm_others
  fi
}
compdef _bitswarm bitswarm
`
}

function fish(root: Flags, commands: readonly Flags[]): string {
  const valueArguments = (value: Value): string => {
    if (value === 'unknown') return ' -x'
    if (value === 'file') return ' -r -F'
    return ` -x -a ${quoted(value === 'folder' ? '(__fish_complete_directories)' : value.join(' '))}`
  }
  const flagsOf = (condition: string, { flags }: Flags): string[] =>
    flags.map(({ flag, description, value }) => {
      const rest = `${value === undefined ? '' : valueArguments(value)} -d ${quoted(description)}`
      return `__bitswarm_flag ${quoted(condition)} ${flag.slice(1)}${rest}`
    })
  // Where the first word is no command, it is a value or a file, and flags may still follow.
  const outside = `not __fish_seen_subcommand_from ${commands.map(({ command }) => command).join(' ')}`
  const inside = ({ command }: Flags): string => `__fish_seen_subcommand_from ${command}`
  return [
    '# bitswarm completion for fish: bitswarm completion fish > ~/.config/fish/completions/bitswarm.fish',
    '# Flags with one dash; with two once two have been typed.',
    'function __bitswarm_flag -a condition name',
    '  complete -c bitswarm -n $condition -o $name $argv[3..]',
    `  complete -c bitswarm -n "$condition; and string match -q -- '* --*' (commandline -pc)" -l $name $argv[3..]`,
    'end',
    ...commands.map(
      ({ command, description }) =>
        `complete -c bitswarm -n __fish_is_first_token -a ${command} -d ${quoted(description)}`,
    ),
    ...flagsOf(outside, root),
    ...commands.flatMap((command) => [
      ...(typeof command.words === 'string'
        ? []
        : [`complete -c bitswarm -n ${quoted(inside(command))} -f -a ${quoted(command.words.join(' '))}`]),
      ...flagsOf(inside(command), command),
    ]),
    '',
  ].join('\n')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`
}
