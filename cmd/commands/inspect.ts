/** `bitswarm inspect`: what is in a metainfo file, or what a magnet link says. */
import {
  describeMagnet,
  inspectMetainfo,
  parseMagnet,
  type MagnetDescription,
  type MetainfoDescription,
} from '../../src/app/library.ts'
import { formatSize } from '../../src/app/quantity.ts'
import { escapeControls, printable } from '../../src/app/terminal-text.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'
import { advised } from '../mistaken-metainfo.ts'
import { isMagnet, pathOf } from '../source.ts'

/** Files shown to people; `--json` has them all. */
const MAX_SHOWN_FILES = 50

export async function inspect(env: Env, source: string, { json }: { readonly json?: true }): Promise<number> {
  const description = isMagnet(source)
    ? describeMagnet(parseMagnet(source))
    : await ofFile(pathOf(env, source))
  env.stdout.write(`${json ? escapeControls(JSON.stringify(description)) : describe(description)}\n`)
  return EXIT_OK
}

function ofFile(path: string): Promise<MetainfoDescription> {
  return advised(path, inspectMetainfo(path))
}

function describe(description: MetainfoDescription | MagnetDescription): string {
  return description.format === 'magnet' ? describeLink(description) : describeFile(description)
}

function describeLink({
  infoHash,
  name,
  trackers,
  webSeeds,
  peers,
  bootstrap = [],
  files,
}: MagnetDescription): string {
  return table([
    name !== undefined && ['name', name],
    ['info hash', infoHash],
    ['format', 'magnet'],
    ...trackers.map((url) => ['tracker', url] as const),
    ...webSeeds.map((url) => ['web seed', url] as const),
    peers.length > 0 && ['peers', peers.join(' ')],
    bootstrap.length > 0 && ['bootstrap', bootstrap.join(' ')],
    files !== undefined && ['files', files.join(' ')],
  ]).join('\n')
}

type Row = readonly [string, string] | false

function table(rows: readonly Row[]): string[] {
  return rows.filter((row) => row !== false).map(([key, value]) => `${key.padEnd(14)} ${printable(value)}`)
}

function describeFile(meta: MetainfoDescription): string {
  const { files, trackers = [], webSeeds = [], bootstrap = [] } = meta
  const rows: Row[] = [
    ['name', meta.name],
    ['info hash', meta.infoHash],
    ['length', `${formatSize(meta.length)} (${meta.length} bytes)`],
    ['pieces', `${meta.pieceCount} of ${formatSize(meta.pieceLength)}`],
    ['format', `.${meta.format}${meta.noncanonical ? ', not canonical (unsorted keys)' : ''}`],
    meta.private === true && ['private', 'yes: peers come from trackers only'],
    ...trackers.map((tier, i) => [`tracker tier ${i + 1}`, tier.join(' ')] as const),
    ...webSeeds.map((url) => ['web seed', url] as const),
    bootstrap.length > 0 && ['bootstrap', bootstrap.join(' ')],
    meta.comment !== undefined && ['comment', meta.comment],
    meta.createdBy !== undefined && ['created by', meta.createdBy],
    meta.creationDate !== undefined && ['created', dateOf(meta.creationDate)],
    ['files', String(files.length)],
  ]
  const list = files
    .slice(0, MAX_SHOWN_FILES)
    .map(({ path, length }) => `  ${formatSize(length).padStart(10)}  ${printable(path)}`)
  const rest = files.length - list.length
  return [...table(rows), ...list, ...(rest > 0 ? [`  and ${rest} more: --json shows all`] : [])].join('\n')
}

/** A stranger's number: it may be no date at all. */
function dateOf(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1_000)
  return Number.isNaN(date.getTime()) ? String(unixSeconds) : `${date.toISOString().slice(0, 19)}Z`
}
