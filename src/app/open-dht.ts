/** Opens the DHT of a process, with its sockets and saved state. */
import { Dht } from '../dht/dht.ts'
import type { DhtEvent } from '../dht/events.ts'
import { parseHostPort, type Endpoint } from '../protocol/endpoint.ts'
import type { Emit } from '../protocol/ports.ts'
import { openDhtState } from './dht-state.ts'
import type { Environment } from './environment.ts'
import type { NodeOptions } from './node.ts'

/**
 * Binds the sockets; there is no DHT without an address to listen on.
 *
 * @throws {TransportError} `net.address-in-use` or `net.listen`
 */
export async function openDht(
  env: Environment,
  options: NodeOptions,
): Promise<{ readonly dht: Dht | undefined; readonly dhtEndpoints: readonly Endpoint[] }> {
  const { dhtListen: listen, tcpListen, stateDir: folder, dhtNet: net, swarmKey: keys } = options
  if (listen === undefined) return { dht: undefined, dhtEndpoints: [] }
  const sockets = await env.bindUdp(listen)
  if (sockets.length === 0) return { dht: undefined, dhtEndpoints: [] }
  const dhtEndpoints = sockets.map(({ local }) => local)
  const emit: Emit<DhtEvent> = (event) => options.onEvent?.(event)
  const state = { listen, endpoints: dhtEndpoints, net, isKeyed: keys !== undefined, emit }
  const dht = new Dht({
    sockets,
    clock: env.clock,
    random: env.random.fork('dht'),
    hashes: env.hashes,
    addresses: env.addresses(),
    resolver: env.resolver,
    emit,
    stores: folder === undefined ? undefined : await openDhtState(env, { folder, ...state }),
    net,
    keys,
    // A user who names a port has probably opened it, and a DHT-only node exists for others.
    isEphemeral: tcpListen !== undefined && parseHostPort(listen, '0.0.0.0').port === 0,
    isChatty: options.isDhtChatty,
  })
  return { dht, dhtEndpoints }
}
