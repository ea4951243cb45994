/** The sources as text, and the laws of the house that the type checker and oxlint cannot state. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  /** Relative to the root, with slashes. */
  readonly path: string
  readonly text: string
}

/** All files below `folders` whose name ends in one of `endings`. */
export function readSources(folders: readonly string[], endings: readonly string[] = ['.ts']): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length).replaceAll('\\', '/'))
      .filter((path) => !path.includes('node_modules/'))
      .toSorted()
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
  )
}

/** The specifiers of all static and literal dynamic imports and re-exports. */
export function importsOf(text: string): string[] {
  const found: string[] = []
  for (const match of text.matchAll(/^\s*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]/gm))
    found.push(match[1]!)
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) found.push(match[1]!)
  return found
}

interface Layer {
  /** A folder (with its slash) or a file; the first that fits a path is its layer. */
  readonly at: string
  /** Folders and files of ours that it may import, itself aside. */
  readonly ours: readonly string[]
  readonly packages: readonly string[]
  readonly hasNode?: boolean
}

/** Who may import whom. What is not listed is forbidden. */
const LAYERS: readonly Layer[] = [
  { at: 'src/protocol/endpoint.ts', ours: ['src/protocol/'], packages: ['ipaddr.js'] },
  { at: 'src/protocol/', ours: [], packages: [] },
  { at: 'src/metainfo/bit-file.ts', ours: ['src/metainfo/', 'src/protocol/'], packages: ['zod'] },
  { at: 'src/metainfo/', ours: ['src/protocol/'], packages: [] },
  { at: 'src/dht/', ours: ['src/protocol/'], packages: ['zod'] },
  { at: 'src/peer/', ours: ['src/protocol/', 'src/metainfo/geometry.ts'], packages: [] },
  {
    at: 'src/storage/fs/',
    ours: ['src/storage/', 'src/protocol/', 'src/metainfo/'],
    packages: [],
    hasNode: true,
  },
  {
    at: 'src/storage/resume.ts',
    ours: ['src/storage/', 'src/protocol/', 'src/metainfo/'],
    packages: ['zod'],
  },
  { at: 'src/storage/', ours: ['src/protocol/', 'src/metainfo/'], packages: ['lru-cache'] },
  {
    at: 'src/app/node/',
    ours: ['src/'],
    packages: ['pino', 'zod', 'cli-progress'],
    hasNode: true,
  },
  { at: 'src/app/', ours: ['src/'], packages: ['pino', 'zod', 'cli-progress'] },
  { at: 'cmd/compiled-program.ts', ours: [], packages: [], hasNode: true },
  { at: 'cmd/', ours: ['src/app/', 'src/protocol/errors.ts'], packages: ['commander', 'node:process'] },
]

/** What `file` imports although its layer may not: `path: specifier`, empty when all is well. */
export function forbiddenImports(file: SourceFile): string[] {
  const layer = LAYERS.find(({ at }) => file.path.startsWith(at))
  if (layer === undefined) return [`${file.path}: belongs to no layer`]
  const folder = layer.at.endsWith('/') ? layer.at : `${posix.dirname(layer.at)}/`
  const isAllowed = (specifier: string): boolean => {
    if (!specifier.startsWith('.'))
      return layer.packages.includes(specifier) || (layer.hasNode === true && specifier.startsWith('node:'))
    const target = posix.join(dirname(file.path), specifier)
    // The one folder of storage that knows Node is reached by composition, not by import.
    if (layer.at === 'src/storage/' && target.startsWith('src/storage/fs/')) return false
    return [folder, ...layer.ours].some((prefix) => target.startsWith(prefix))
  }
  return importsOf(file.text)
    .filter((specifier) => !isAllowed(specifier))
    .map((specifier) => `${file.path}: ${specifier}`)
}

const FORBIDDEN_NAMES =
  /(^|\/)(index|utils?|helpers?|common|types?|misc|manager|[\w-]+-(utils?|helpers?|manager))\.[cm]?[jt]s$/

export function hasForbiddenName(path: string): boolean {
  return FORBIDDEN_NAMES.test(path)
}

/** A file of nothing but re-exports. The package's public face is the only one that may be. */
export function isBarrel({ text }: SourceFile): boolean {
  const code = text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/^\s*export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^'"]*['"][^'"]+['"];?/gm, '')
  return text.trim() !== '' && code.trim() === ''
}

/** Words that say a thing is not finished; written so that this line does not accuse itself. */
const UNFINISHED = /\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/

export function unfinishedLines({ path, text }: SourceFile): string[] {
  return linesMatching(path, text, UNFINISHED)
}

/** `new Date()` reads the clock, which oxlint's list of properties cannot say. */
export function readsWallClock({ path, text }: SourceFile): string[] {
  return linesMatching(path, text, /\bnew Date\(\s*\)|\bDate\(\s*\)/)
}

/** Absolute paths of the machine on which something was written. */
export function machinePaths({ path, text }: SourceFile): string[] {
  return linesMatching(path, text, /(^|[\s'"`(=])\/(work|home|root|Users)\/\w/)
}

function linesMatching(path: string, text: string, pattern: RegExp): string[] {
  return text
    .split('\n')
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => pattern.test(line))
    .map(({ line, number }) => `${path}:${number}: ${line.trim()}`)
}
