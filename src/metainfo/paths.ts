/** Decides which names from metainfo may become paths on disk. They are hostile until checked here. */
import { MetainfoError } from '../protocol/errors.ts'
import { hasControlCharacter, excerpt } from '../protocol/text.ts'
import type { PayloadFile } from './geometry.ts'

/** UTF-8 bytes of a file's path, the payload's name included: no file system takes more. */
const MAX_PATH_BYTES = 4_096
/** Characters of a hostile name that an error message quotes. */
const MAX_QUOTED = 60

/**
 * Refuses paths that could leave the folder, and files that would be one and the same on a file system that folds case
 * or normalises Unicode, or of which one would be a folder of the other.
 *
 * @throws {MetainfoError} `meta.unsafe-path`
 */
export function checkPaths(name: string, files: readonly PayloadFile[]): void {
  const fault = faultOf(name)
  if (fault !== undefined) throw unsafe(name, fault)
  const nameBytes = utf8Length(name)
  /** Index of the file that first had a folded path. */
  const fileAt = new Map<string, number>()
  const folders = new Set<string>()
  for (const [index, file] of files.entries()) {
    let key = ''
    let bytes = nameBytes
    for (const [depth, component] of file.path.entries()) {
      const fault = faultOf(component)
      if (fault !== undefined) throw unsafe(component, fault, [name, ...file.path.slice(0, depth)])
      bytes += 1 + utf8Length(component)
      if (bytes > MAX_PATH_BYTES) throw unsafe(component, `ends a path of more than ${MAX_PATH_BYTES} bytes`)
      key = depth === 0 ? fold(component) : `${key}/${fold(component)}`
      if (depth === file.path.length - 1) break
      if (fileAt.has(key)) throw unsafe(component, 'is a file and a folder')
      folders.add(key)
    }
    if (folders.has(key)) throw unsafe(file.path.join('/'), 'is a file and a folder')
    const twin = fileAt.get(key)
    if (twin === undefined) fileAt.set(key, index)
    else if (!isSamePadding(files[twin]!, file))
      throw unsafe(file.path.join('/'), `collides with ${quote(files[twin]!.path.join('/'))}`)
  }
}

/** Why `name` is not safe as one component of a path, on whatever system; undefined when it is. */
function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return 'is not a name'
  if (/[/\\]/.test(name)) return 'contains a separator'
  if (/^[A-Za-z]:/.test(name)) return 'begins with a drive letter'
  if (hasControlCharacter(name)) return 'contains a control character'
  if (!name.isWellFormed()) return 'is not valid Unicode'
  if (name.length > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`
  return undefined
}

/** Programs that pad give equal paddings the same path; they may share it, since both are zeros. */
function isSamePadding(a: PayloadFile, b: PayloadFile): boolean {
  return a.isPadding === true && b.isPadding === true && a.length === b.length
}

/** Equal for names that some file system takes for the same: upper case first, so that ß meets ss and ς meets σ. */
function fold(component: string): string {
  if (/^[\0-\x7f]*$/.test(component)) return component.toLowerCase()
  return component.normalize('NFD').toUpperCase().toLowerCase().normalize('NFC')
}

function utf8Length(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    // A surrogate pair is two units and four bytes.
    if (code >= 0x80) length += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2
  }
  return length
}

function quote(text: string): string {
  return `'${excerpt(text, MAX_QUOTED)}'`
}

/** @param folder in which the name stands, when the name alone would not tell */
function unsafe(name: string, fault: string, folder: readonly string[] = []): MetainfoError {
  const where = folder.length === 0 ? '' : ` in the folder ${quote(folder.join('/'))}`
  return new MetainfoError('meta.unsafe-path', `the file name ${quote(name)}${where} ${fault}`)
}
