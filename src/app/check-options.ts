/** What a node refuses to start with. */
import { parseBootstrapAddress } from '../dht/life/bootstrap-names.ts'
import { parseHostPort } from '../protocol/endpoint.ts'
import { ConfigError } from '../protocol/errors.ts'
import { DEFAULT_MAX_PEERS } from './connection-slots.ts'
import type { NodeOptions } from './node.ts'
import { maxPeersOf } from './reception.ts'

/** @throws {ConfigError} `config.value` for an address that is none, or a limit with which nothing would ever move, or everything */
export function checkOptions(options: NodeOptions, maxConnections: number): void {
  const { maxPeers = DEFAULT_MAX_PEERS, maxUp = 1, maxDown = 1 } = options
  if (!Number.isSafeInteger(maxPeers) || maxPeers < 1)
    throw new ConfigError('config.value', `maxPeers ${maxPeers}: must be a whole number, 1 or more`)
  const most = maxPeersOf(maxConnections)
  if (maxPeers > most)
    throw new ConfigError(
      'config.value',
      `maxPeers ${maxPeers}: this process may have so few files open that ${most} is the most (ulimit -n)`,
    )
  for (const [name, rate] of Object.entries({ maxUp, maxDown }))
    if (!Number.isFinite(rate) || rate <= 0)
      throw new ConfigError('config.value', `${name} ${rate}: must be a number of bytes per second above 0`)
  const { tcpListen, dhtListen, bootstrap = [] } = options
  for (const [name, address] of Object.entries({ tcpListen, dhtListen }))
    if (address !== undefined) inOption(name, () => parseHostPort(address, '0.0.0.0'))
  for (const address of bootstrap) inOption('bootstrap', () => parseBootstrapAddress(address))
}

/**
 * Reads a part of an option.
 *
 * @throws {ConfigError} what `read` throws, with the option's name
 */
export function inOption<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(error.code, `${name}: ${error.message}`)
  }
}
