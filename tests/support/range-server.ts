/** A web server in the simulator that serves ranges of files (RFC 9110 §14), and says how. */
import type { SimAnswer, SimServer } from '../../src/app/sim/http.ts'

/** One file, whatever its path. */
export function ranges(content: Uint8Array, how: Partial<SimAnswer> = {}): SimServer {
  return ({ headers }) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers?.['range'] ?? '')!
    return {
      status: 206,
      headers: { 'content-range': `bytes ${first}-${last}/${content.length}` },
      body: content.subarray(Number(first), Number(last) + 1),
      ...how,
    }
  }
}

/** Files by their path as it stands in the URL; 404 for any other. */
export function rangesOf(files: ReadonlyMap<string, Uint8Array>, how: Partial<SimAnswer> = {}): SimServer {
  return (request) => {
    const content = files.get(request.url.pathname)
    return content === undefined ? { status: 404 } : ranges(content, how)(request)
  }
}
