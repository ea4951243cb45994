/** `bitswarm completion`: scripts for shells, made from the command line's own table. */
import type { Command, Option } from 'commander'
import { ConfigError } from '../../src/app/library.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'

/** A command's flags, with one dash as the contract writes them. */
interface Flags {
  readonly command: string
  readonly description: string
  readonly flags: readonly {
    readonly flag: string
    readonly description: string
    readonly hasValue: boolean
  }[]
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
  env.stdout.write(
    script(
      flagsOf(program),
      commands.filter((command) => command.name() !== 'help').map((command) => flagsOf(command)),
    ),
  )
  return EXIT_OK
}

function flagsOf(command: Command): Flags {
  return {
    command: command.name(),
    description: command.description(),
    flags: optionsOf(command)
      .filter((option) => option.long !== undefined && option.long !== null)
      .map((option) => ({
        flag: option.long!.slice(1),
        description: option.description,
        hasValue: option.required,
      })),
  }
}

/** Its own, and those of the commands below it. */
function optionsOf(command: Command): readonly Option[] {
  const options = [command, ...command.commands].flatMap((each) => each.options)
  return options.filter(({ long }, i) => options.findIndex((other) => other.long === long) === i)
}

function names({ flags }: Flags): string {
  return flags.map(({ flag }) => flag).join(' ')
}

function bash(root: Flags, commands: readonly Flags[]): string {
  const cases = commands.map((command) => `    ${command.command}) flags="${names(command)}" ;;`).join('\n')
  return `# bitswarm completion for bash: source <(bitswarm completion bash)
_bitswarm() {
  local word=\${COMP_WORDS[COMP_CWORD]} flags
  case \${COMP_WORDS[1]} in
${cases}
    *) flags="${names(root)}" ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
    [[ $COMP_CWORD -eq 1 ]] && COMPREPLY+=($(compgen -W "${commands.map(({ command }) => command).join(' ')}" -- "$word"))
  fi
}
complete -o filenames -F _bitswarm bitswarm
`
}

function zsh(root: Flags, commands: readonly Flags[]): string {
  const words = ({ flags }: Flags): string =>
    flags.map(({ flag, description }) => quoted(`${flag}:${description}`)).join(' ')
  const cases = commands.map((command) => `    ${command.command}) flags=(${words(command)}) ;;`).join('\n')
  return `#compdef bitswarm
# bitswarm completion for zsh: bitswarm completion zsh > ~/.zfunc/_bitswarm
_bitswarm() {
  local -a flags commands
  commands=(${commands.map(({ command, description }) => quoted(`${command}:${description}`)).join(' ')})
  case $words[2] in
${cases}
    *) flags=(${words(root)}) ;;
  esac
  if [[ $words[CURRENT] == -* ]]; then
    _describe -o flag flags
  else
    (( CURRENT == 2 )) && _describe command commands
    _files
  fi
}
compdef _bitswarm bitswarm
`
}

function fish(root: Flags, commands: readonly Flags[]): string {
  const line = (condition: string, { flags }: Flags): string[] =>
    flags.map(
      ({ flag, description, hasValue }) =>
        `complete -c bitswarm -n ${quoted(condition)} -o ${flag.slice(1)}${hasValue ? ' -r' : ''} -d ${quoted(description)}`,
    )
  return [
    '# bitswarm completion for fish: bitswarm completion fish > ~/.config/fish/completions/bitswarm.fish',
    ...commands.map(
      ({ command, description }) =>
        `complete -c bitswarm -n __fish_use_subcommand -a ${command} -d ${quoted(description)}`,
    ),
    ...line('__fish_use_subcommand', root),
    ...commands.flatMap((command) => line(`__fish_seen_subcommand_from ${command.command}`, command)),
    '',
  ].join('\n')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`
}
