/** Metainfo files from the web: `-get https://…/x.torrent`. */
import { MAX_METAINFO_LENGTH } from '../metainfo/read-metainfo.ts'
import { MetainfoError, ProtocolError, TransportError } from '../protocol/errors.ts'
import { fetchBody, type BodyLimits } from '../protocol/http-body.ts'
import type { HttpPorts } from '../protocol/http-request.ts'
import type { Millis } from '../protocol/ports.ts'
import { shownFileUrl } from '../protocol/shown-url.ts'
import { abortable } from './abortable.ts'

/** How long the server may take to begin its answer. */
const HEAD_TIMEOUT: Millis = 10_000
/** How long the whole answer may take: enough for the largest metainfo at 2 Mbit/s. */
const FETCH_TIMEOUT: Millis = 600_000

const BOUNDS: BodyLimits = {
  maxBytes: MAX_METAINFO_LENGTH,
  headTimeoutMs: HEAD_TIMEOUT,
  totalTimeoutMs: FETCH_TIMEOUT,
}

/**
 * @returns the file's bytes
 * @throws {MetainfoError} `meta.unreadable`: the server does not have it, or sends what is not taken
 * @throws {TransportError} no answer
 * @throws the signal's reason
 */
export async function fetchMetainfo(
  ports: HttpPorts,
  url: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const parsed = URL.parse(url)
  if (parsed === null) throw new MetainfoError('meta.unreadable', `${url} is not a URL`)
  let body: Uint8Array = new Uint8Array(0)
  await abortable(signal, (done) =>
    fetchBody(ports, { question: { url: parsed }, limits: BOUNDS }, (result) => {
      if (result instanceof ProtocolError)
        done(new MetainfoError('meta.unreadable', result.message, { cause: result }))
      else if (result instanceof TransportError) done(result)
      else if (result.status < 200 || result.status > 299)
        done(new MetainfoError('meta.unreadable', `${shownFileUrl(url)}: the server says ${result.status}`))
      else {
        body = result.body
        done()
      }
    }),
  )
  return body
}
