/** A web seed of the simulated swarm: it has the payload, and now and then breaks off, is late, falls silent, fails, or lies. */
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import { fileUrl } from '../../../peer/web-seed-url.ts'
import type { Random } from '../../../protocol/ports.ts'
import type { SimServer } from '../http.ts'

export interface WebServerPlan {
  /** Bytes per second, of all its answers together to one machine. */
  readonly up: number
  /** One answer in this many goes wrong. */
  readonly oneIn: number
  /** One of its bytes is wrong then. */
  readonly isLying: boolean
}

export const WEB_SERVER = '10.1.0.1'
/** Its base URL: files are there under the name of the payload. */
export const WEB_SEED: string = `http://${WEB_SERVER}/`

const LATE_MS = 20_000

export function webServer(
  metainfo: Metainfo,
  content: Uint8Array,
  { plan, random }: { readonly plan: WebServerPlan; readonly random: Random },
): SimServer {
  const files = new Map(
    metainfo.geometry.files
      .filter(({ isPadding }) => !isPadding)
      .map((file) => [
        fileUrl(WEB_SEED, metainfo, file)!.pathname,
        content.subarray(file.offset, file.offset + file.length),
      ]),
  )
  return ({ url, headers }) => {
    const file = files.get(url.pathname)!
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers!['range']!)!
    const body = file.slice(Number(first), Number(last) + 1)
    const answer = {
      status: 206,
      headers: { 'content-range': `bytes ${first}-${last}/${file.length}` },
      body,
    }
    if (random.int(plan.oneIn) > 0) return answer
    if (plan.isLying) body[random.int(body.length)]! ^= 1
    switch (random.int(4)) {
      case 0:
        return { ...answer, breaksAfter: random.int(body.length) }
      case 1:
        return { ...answer, delayMs: random.int(LATE_MS) }
      case 2:
        return plan.isLying ? answer : { status: 503 }
      default:
        return plan.isLying ? answer : undefined
    }
  }
}
