/** The commands about metainfo and payload that need no network, as commander knows them. */
import { Option, type Command } from 'commander'
import { SETTINGS } from '../src/app/config.ts'
import type { RawValue } from '../src/app/setting-value.ts'
import type { Env } from './env.ts'
import { collect } from './node-command.ts'

export function addMetainfoCommands(program: Command, env: Env, onResult: (code: number) => void): void {
  program
    .command('inspect <metainfo>')
    .description('show what is in a .torrent or .bit file, or what a magnet link says')
    .option('--json', 'print one JSON object')
    .action(async (path: string, options: { json?: true }) => {
      const { inspect } = await import('./commands/inspect.ts')
      onResult(await inspect(env, path, options))
    })
  program
    .command('create <path>')
    .description('make a .bit or .torrent file for a file or folder')
    .addOption(
      new Option('--o, --out <file>', 'output file, ending in .bit or .torrent (default: <path>.bit)'),
    )
    .option('--piece-length <size>', SETTINGS.pieceLength.help.replace(/^.*: /, ''))
    .addOption(new Option('--tracker <url>', 'tracker; repeatable').argParser(collect))
    .addOption(new Option('--web-seed <url>', 'web seed; repeatable').argParser(collect))
    .option('--private', 'private torrent: peers come from trackers only (BEP 27)')
    .option('--comment <text>', 'comment for people')
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
    .description('hash what is on disk again; exit code 6 unless everything is good')
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
}
