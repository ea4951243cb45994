/** Where the DHT nodes of this process keep their state: a file for each family, network and listening address. */
import type { DhtEvent } from '../dht/events.ts'
import { MAX_SAVED_TABLE_BYTES } from '../dht/life/saved-table.ts'
import type { StateStore } from '../dht/life/state-store.ts'
import { familyOf, parseHostPort, scopeOf, type Endpoint, type Family } from '../protocol/endpoint.ts'
import { StorageError } from '../protocol/errors.ts'
import type { Emit } from '../protocol/ports.ts'
import type { Environment } from './environment.ts'

export interface DhtStateOptions {
  readonly folder: string
  /** As the user gave it: a named port has a file of its own, and so has a named host. */
  readonly listen: string
  /** What was bound. */
  readonly endpoints: readonly Endpoint[]
  readonly net: string | undefined
  /** Whether the network has a key. Which one does not matter: keys change, and nodes without ours do not answer. */
  readonly isKeyed: boolean
  readonly emit: Emit<DhtEvent>
}

/** A family whose store cannot be opened is reported, and does without. */
export async function openDhtState(
  env: Pick<Environment, 'openState'>,
  { folder, listen, endpoints, emit, ...network }: DhtStateOptions,
): Promise<ReadonlyMap<Family, StateStore>> {
  const stores = new Map<Family, StateStore>()
  if (endpoints.length === 0) return stores
  const { port } = parseHostPort(listen, '0.0.0.0')
  const open = async ({ host }: Endpoint): Promise<void> => {
    const family = familyOf(host)
    try {
      const name = stateName({ family, host, port, ...network })
      stores.set(family, await env.openState(folder, name, MAX_SAVED_TABLE_BYTES))
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      emit({ event: 'dht_table_failed', family, operation: 'open', reason: error.message })
    }
  }
  await Promise.all(endpoints.map(open))
  return stores
}

interface Place {
  readonly family: Family
  readonly host: string
  /** 0 when any will do. */
  readonly port: number
  readonly net: string | undefined
  readonly isKeyed: boolean
}

/** `dht4`, `dht4+key`, `dht4.lab-a`, `dht4_10000`, `dht6_fe80--1_10000`: a network id is letters, digits and hyphens. */
function stateName({ family, host, port, net, isKeyed }: Place): string {
  const isAnyHost = scopeOf(host) === 'bogus'
  return [
    `dht${family}${isKeyed ? '+key' : ''}${net === undefined ? '' : `.${net}`}`,
    ...(isAnyHost ? [] : [host.replaceAll(':', '-')]),
    ...(port === 0 ? [] : [port]),
  ].join('_')
}
