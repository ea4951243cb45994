/** The environment of a simulated process: TCP, HTTP, a disk, and optionally UDP, a state folder and a local network. */
import type { StateStore } from '../../dht/life/state-store.ts'
import { canonicalIp, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import { StorageError } from '../../protocol/errors.ts'
import type {
  AlarmClock,
  Datagrams,
  Dialer,
  Hashes,
  HttpClient,
  Listener,
  MulticastGroup,
  Random,
} from '../../protocol/ports.ts'
import type { Disk } from '../../storage/disk.ts'
import type { Environment } from '../environment.ts'

export interface SimProcessPorts {
  readonly clock: AlarmClock
  readonly random: Random
  readonly hashes: Hashes
  readonly disk: Disk
  readonly dialer: Dialer
  readonly http: HttpClient
  /** Of the machine. */
  readonly address: string
  readonly listen: () => Listener
  /** For its DHT node, which it does not have when this is missing. */
  readonly bindDht?: () => Datagrams
  /** For questions to UDP trackers, which reach nobody when this is missing. */
  readonly openUdp?: (family: Family) => Datagrams
  readonly openState?: (name: string) => StateStore
  readonly joinGroup?: (group: Endpoint) => MulticastGroup
}

export function simEnvironment({
  address,
  listen,
  bindDht,
  openUdp = (family) => unconnected({ host: family === 4 ? '0.0.0.0' : '::', port: 0 }),
  openState,
  joinGroup = unheard,
  ...ports
}: SimProcessPorts): Environment {
  return {
    ...ports,
    maxConnections: Infinity,
    copyBytes: (source, target, at) => target.set(source, at),
    resolver: {
      resolve: (host, _family, onResult) => onResult(canonicalIp(host) === undefined ? [] : [host]),
      resolveService: (_name, onResult) => onResult([]),
    },
    listenTcp: () => Promise.resolve(listen()),
    bindUdp: () => Promise.resolve(bindDht === undefined ? [] : [bindDht()]),
    openState: (_folder, name) =>
      openState === undefined
        ? Promise.reject(new StorageError('disk.missing', 'machines here have no state'))
        : Promise.resolve(openState(name)),
    openUdp,
    addresses: () => [address],
    joinGroup,
  }
}

function unheard(group: Endpoint): MulticastGroup {
  return { group, ...unconnected(group), send() {}, onInterface() {}, onFailed() {} }
}

/** A socket that reaches nobody. */
function unconnected(local: Endpoint): Datagrams {
  return { local, send() {}, onDatagram() {}, close() {} }
}
