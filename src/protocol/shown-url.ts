/** URLs as they may stand in a log: a tracker's may hold a passkey, which is as good as a password. */
import { excerpt } from './text.ts'

/** Characters. */
const MAX_SHOWN_URL_LENGTH = 200
/** Parts of a path that are no secret. */
const PLAIN = /^(announce|scrape)(\.php)?$/i

/** Scheme, host, port, and what of the path is plainly a word of the protocol; the rest is `…`. */
export function shownTracker(url: string): string {
  const parsed = URL.parse(url)
  if (parsed === null) return 'not a URL'
  const parts = parsed.pathname.split('/').filter((part) => part !== '')
  const path = parts.map((part) => `/${PLAIN.test(part) ? part : '…'}`).join('')
  return excerpt(`${parsed.protocol}//${parsed.host}${path}`, MAX_SHOWN_URL_LENGTH)
}

/** The same for a web seed: its path is the file; user, password and query stay hidden. */
export function shownFileUrl(url: string): string {
  const parsed = URL.parse(url)
  if (parsed === null) return 'not a URL'
  return excerpt(`${parsed.protocol}//${parsed.host}${parsed.pathname}`, MAX_SHOWN_URL_LENGTH)
}
