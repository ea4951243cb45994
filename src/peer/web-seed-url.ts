/** Where a web seed keeps a file of the payload (BEP 19). */
import type { PlacedFile } from '../metainfo/geometry.ts'

/**
 * A URL that ends in `/` is the folder that the payload lies in; for a payload of several files any other URL is too. For
 * a single file any other URL is the file.
 *
 * @param name of the payload
 */
export function fileUrl(
  base: string,
  { name, isSingleFile }: { readonly name: string; readonly isSingleFile: boolean },
  { path }: PlacedFile,
): URL | undefined {
  if (isSingleFile && !base.endsWith('/')) return URL.parse(base) ?? undefined
  const folder = base.endsWith('/') ? base : `${base}/`
  const parts = [name, ...(isSingleFile ? [] : path)].map((part) => encodeURIComponent(part.toWellFormed()))
  return URL.parse(folder + parts.join('/')) ?? undefined
}
