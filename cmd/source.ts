/** What stands for metainfo on the command line: a file, a URL, or a magnet link. */
import { ConfigError } from '../src/app/library.ts'
import { resolve } from '../src/app/node/files.ts'
import { printable } from '../src/app/terminal-text.ts'
import type { Env } from './env.ts'

export function isMagnet(source: string): boolean {
  return /^magnet:/i.test(source)
}

export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

/** @throws {ConfigError} a URL of a kind that cannot be fetched, which would be taken for a path */
export function refuseForeignUrl(source: string): void {
  if (!/^[a-z][a-z\d+.-]+:\/\//i.test(source) || isUrl(source)) return
  throw new ConfigError(
    'config.usage',
    `'${printable(source)}': metainfo is a file, an http or https URL, or a magnet link`,
  )
}

/** @throws {ConfigError} the source is not a file, which a command without network access needs */
export function pathOf({ cwd }: Pick<Env, 'cwd'>, source: string): string {
  refuseForeignUrl(source)
  if (!isMagnet(source) && !isUrl(source)) return resolve(cwd, source)
  throw new ConfigError(
    'config.usage',
    `'${printable(source)}' is not a file; bitswarm -get it -save-metainfo writes one`,
  )
}
