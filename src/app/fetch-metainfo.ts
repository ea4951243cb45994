/** Metainfo files from the web: `-get https://…/x.torrent`. */
import { MAX_METAINFO_LENGTH } from '../metainfo/read-metainfo.ts'
import { MetainfoError, ProtocolError, TransportError } from '../protocol/errors.ts'
import { fetchBody } from '../protocol/http-body.ts'
import type { HttpPorts } from '../protocol/http-request.ts'
import type { Millis } from '../protocol/ports.ts'
import { shownFileUrl } from '../protocol/shown-url.ts'

/** Until the server begins to answer. */
const HEAD_TIMEOUT: Millis = 10_000
/** Until all is there: the largest metainfo at 2 Mbit/s. */
const FETCH_TIMEOUT: Millis = 600_000

/**
 * @returns the file's bytes
 * @throws {MetainfoError} `meta.unreadable`: the server does not have it, or sends what is not taken
 * @throws {TransportError} no answer
 * @throws the signal's reason
 */
export function fetchMetainfo(ports: HttpPorts, url: string, signal?: AbortSignal): Promise<Uint8Array> {
  const parsed = URL.parse(url)
  if (parsed === null) throw new MetainfoError('meta.unreadable', `${url} is not a URL`)
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const limits = {
      maxBytes: MAX_METAINFO_LENGTH,
      headTimeoutMs: HEAD_TIMEOUT,
      totalTimeoutMs: FETCH_TIMEOUT,
    }
    const onAbort = (): void => {
      cancel()
      reject(signal!.reason as Error)
    }
    const cancel = fetchBody(ports, { question: { url: parsed }, limits }, (result) => {
      signal?.removeEventListener('abort', onAbort)
      if (result instanceof ProtocolError)
        reject(new MetainfoError('meta.unreadable', result.message, { cause: result }))
      else if (result instanceof TransportError) reject(result)
      else if (result.status >= 200 && result.status < 300) resolve(result.body)
      else
        reject(new MetainfoError('meta.unreadable', `${shownFileUrl(url)}: the server says ${result.status}`))
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
