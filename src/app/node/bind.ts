/** Which sockets a listen address stands for, and binding them all or none. Shared by TCP and UDP. */
import { lookup } from 'node:dns/promises'
import { ConfigError, type TransportError } from '../../protocol/errors.ts'
import { canonicalIp, familyOf, formatEndpoint, parseHostPort } from '../../protocol/endpoint.ts'
import type { Endpoint, Family } from '../../protocol/endpoint.ts'
import { errnoOf } from '../../storage/fs/errno.ts'
import { listenError } from './network-error.ts'

/** When the system chooses the port for IPv4, it may be in use for IPv6: how often to try another. */
const MAX_PAIR_ATTEMPTS = 16

/** What a machine without IPv6 answers to a bind on `::`. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT', 'EINVAL'])

export interface Bound {
  readonly local: Endpoint
  close(): void
}

/**
 * The source address of outgoing connections: the host that the user named, if any.
 *
 * @param listenAddress as `-tcp-listen` takes it
 */
export function namedSource(listenAddress: string): string | undefined {
  const { host } = parseHostPort(listenAddress, '0.0.0.0')
  const ip = canonicalIp(host)
  return ip === '0.0.0.0' || ip === '::' ? undefined : ip
}

/**
 * Binds what `address` means: `:port` is 0.0.0.0 and, where the machine has IPv6, [::] on the same port; anything
 * else is one socket.
 *
 * @throws {ConfigError} when it is not an address
 * @throws {TransportError} `net.address-in-use` or `net.listen`
 */
export async function bindAll<T extends Bound>(
  address: string,
  bind: (host: string, port: number, family: Family) => Promise<T>,
): Promise<T[]> {
  const { host, port } = parseHostPort(address, '0.0.0.0')
  if (!address.startsWith(':')) {
    const ip = await resolveLocal(host, address)
    return [await bindOne({ host: ip, port }, bind)]
  }
  for (let attempt = 1; ; attempt++) {
    const four = await bindOne({ host, port }, bind)
    const six = { host: '::', port: four.local.port }
    try {
      return [four, await bindOne(six, bind)]
    } catch (error) {
      const errno = errnoOf((error as TransportError).cause)
      if (NO_IPV6.has(errno)) return [four]
      four.close()
      if (port !== 0 || errno !== 'EADDRINUSE' || attempt === MAX_PAIR_ATTEMPTS) throw error
    }
  }
}

async function bindOne<T>(
  { host, port }: Endpoint,
  bind: (host: string, port: number, family: Family) => Promise<T>,
): Promise<T> {
  try {
    return await bind(host, port, familyOf(host))
  } catch (error) {
    throw listenError(error, formatEndpoint({ host, port }))
  }
}

async function resolveLocal(host: string, address: string): Promise<string> {
  if (canonicalIp(host) !== undefined) return host
  try {
    const found = await lookup(host)
    return canonicalIp(found.address) ?? found.address
  } catch (error) {
    throw new ConfigError('config.value', `'${address}' is not an address: the name has none`, {
      cause: error,
    })
  }
}
