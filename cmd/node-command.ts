/** `bitswarm` without a command: a node that seeds, gets or serves the DHT, as commander knows it; its options are the settings. */
import { Option, type Command } from 'commander'
import { SETTINGS, type Setting, type SettingName } from '../src/app/config.ts'
import type { RawValue } from '../src/app/setting-value.ts'
import { ConfigError } from '../src/protocol/errors.ts'
import type { Env } from './env.ts'
import { EXIT_USAGE } from './exit-code.ts'
import { meantBy } from './misspelt.ts'

export function addNode(program: Command, env: Env, onResult: (code: number) => void): void {
  program
    .argument('[metainfo]', 'a .torrent or .bit file, its URL, or a magnet link: the same as -get')
    .argument('[target]', 'a folder, or the new name of the payload')
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

/**
 * The flags that were given, by setting.
 *
 * @throws {ConfigError} a flag and its alias
 */
function readFlags(program: Command): Partial<Record<SettingName, RawValue>> {
  const given: Partial<Record<SettingName, RawValue>> = {}
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting][])
    for (const flag of setting.flags) {
      const value = program.getOptionValue(new Option(`--${flag}`).attributeName()) as RawValue | undefined
      if (value === undefined) continue
      if (given[name] !== undefined)
        throw new ConfigError('config.usage', `-${setting.flags.join(' and -')} mean the same: give one`)
      given[name] = value
    }
  return given
}

function optionsOf(setting: Setting): Option[] {
  const { flags, value, short, help, group, default: fallback, isList } = setting
  const text = fallback === undefined ? help : `${help} (default: ${fallback})`
  return flags.map((flag) => {
    const option = new Option(
      `${short === undefined ? '' : `-${short}, `}--${flag}${value === undefined ? '' : ` ${value}`}`,
      flag === flags[0] ? text : `the same as -${flags[0]}`,
    )
    if (isList) option.argParser(collect)
    return option.helpGroup(`${group}:`)
  })
}

/** For an option that can be given again. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
