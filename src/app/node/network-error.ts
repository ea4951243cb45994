/** Turns Node's errors of sockets and name resolution into ours. */
import { ERROR_CODES, TransportError } from '../../protocol/errors.ts'
import { excerpt } from '../../protocol/text.ts'
import { errnoOf, inWords } from '../../storage/fs/errno.ts'

const CODE_OF_ERRNO = {
  ECONNREFUSED: 'net.refused',
  ECONNRESET: 'net.reset',
  ECONNABORTED: 'net.reset',
  EPIPE: 'net.reset',
  ERR_STREAM_WRITE_AFTER_END: 'net.reset',
  ETIMEDOUT: 'net.timeout',
  EHOSTUNREACH: 'net.unreachable',
  ENETUNREACH: 'net.unreachable',
  EHOSTDOWN: 'net.unreachable',
  ENETDOWN: 'net.unreachable',
  EADDRNOTAVAIL: 'net.unreachable',
  EAFNOSUPPORT: 'net.unreachable',
  ENOTFOUND: 'net.unresolved',
  EAI_AGAIN: 'net.unresolved',
} as const

/** OpenSSL's codes for a server that cannot prove its identity. */
const UNTRUSTED = /CERT|SELF_SIGNED|ALTNAME|UNABLE_TO_VERIFY|^ERR_(TLS|SSL)_/
/** Characters of its reason: names in a certificate are the server's own words. */
const MAX_REASON_LENGTH = 200

/** @param what the sentence's beginning: `connection to 10.0.0.1:6881` */
export function connectionError(error: unknown, what: string): TransportError {
  const errno = errnoOf(error)
  const details = { cause: error, data: { errno } }
  if (UNTRUSTED.test(errno))
    return new TransportError('net.tls', `${what}: ${ERROR_CODES['net.tls'][1]}: ${reasonOf(error)}`, details)
  const code = CODE_OF_ERRNO[errno as keyof typeof CODE_OF_ERRNO] ?? 'net.failed'
  const named = errno === '' ? '' : ` (${errno})`
  return new TransportError(code, `${what}: ${meaningOf(errno) ?? ERROR_CODES[code][1]}${named}`, details)
}

/** The short reason if there is one: messages repeat everything that a certificate says. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as Error & { readonly reason?: unknown }
  return excerpt(typeof reason === 'string' ? reason : message, MAX_REASON_LENGTH)
}

function meaningOf(errno: string): string | undefined {
  if (errno === 'HPE_HEADER_OVERFLOW') return 'it sends more headers than are taken'
  if (errno.startsWith('HPE_')) return 'what it sends is not HTTP'
  // The TLS library's own text contains addresses and line numbers of its source.
  if (errno === 'EPROTO') return 'what it sends is not TLS that we understand'
  if (errno.startsWith('Z_')) return 'what it sends cannot be decompressed'
  return undefined
}

export function listenError(error: unknown, address: string): TransportError {
  const errno = errnoOf(error)
  const details = { cause: error, data: { errno } }
  if (errno === 'EADDRINUSE')
    return new TransportError('net.address-in-use', `another process listens on ${address}`, details)
  const why = errno === 'EADDRNOTAVAIL' ? 'this machine does not have the address' : inWords(error)
  return new TransportError('net.listen', `cannot listen on ${address}: ${why}`, details)
}
