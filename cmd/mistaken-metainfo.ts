/** What a person may have meant who named a payload in place of its metainfo, or the other way round. */
import { MetainfoError } from '../src/app/library.ts'
import { exists, isFolder } from '../src/app/node/files.ts'

/** @throws {MetainfoError} what `read` throws, with advice if there is any */
export async function advised<T>(path: string, read: Promise<T>): Promise<T> {
  try {
    return await read
  } catch (error) {
    if (!(error instanceof MetainfoError)) throw error
    const advice = await adviceOn(path, error)
    throw new MetainfoError(error.code, `${error.message}${advice}`, { cause: error })
  }
}

export function isNamedAsMetainfo(path: string): boolean {
  return /\.(bit|torrent)$/i.test(path)
}

async function adviceOn(path: string, { code }: MetainfoError): Promise<string> {
  if (await exists(`${path}.bit`)) return `; did you mean ${path}.bit?`
  const hash = /(?:^|\/)([0-9a-f]{40})$/i.exec(path)?.[1]
  if (hash !== undefined)
    return `; to get the torrent with this info hash: bitswarm -get magnet:?xt=urn:btih:${hash}`
  const isPayload = (await isFolder(path)) || (code === 'meta.malformed' && !isNamedAsMetainfo(path))
  return isPayload ? `; to serve it: bitswarm -seed ${path}` : ''
}
