/** What a simulated process gets from outside: TCP, HTTP, a disk, a socket for the DHT where there is one, and no state folder. */
import { canonicalIp, type Endpoint } from '../../protocol/endpoint.ts'
import { StorageError } from '../../protocol/errors.ts'
import type { Clock, Datagrams, Dialer, Hashes, HttpClient, Listener, Random } from '../../protocol/ports.ts'
import type { Disk } from '../../storage/disk.ts'
import type { Environment } from '../environment.ts'

export interface SimProcessPorts {
  readonly clock: Clock
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
}

export function simEnvironment({ address, listen, bindDht, ...ports }: SimProcessPorts): Environment {
  return {
    ...ports,
    copyBytes: (source, target, at) => target.set(source, at),
    resolver: {
      resolve: (host, _family, onResult) => onResult(canonicalIp(host) === undefined ? [] : [host]),
      resolveService: (_name, onResult) => onResult([]),
    },
    listenTcp: () => Promise.resolve(listen()),
    bindUdp: () => Promise.resolve(bindDht === undefined ? [] : [bindDht()]),
    openState: () => Promise.reject(new StorageError('disk.missing', 'machines here have no state')),
    openUdp: (family) => unconnected({ host: family === 4 ? '0.0.0.0' : '::', port: 0 }),
    addresses: () => [address],
    joinGroup: (group) => ({ group, ...unconnected(group), send() {}, onInterface() {}, onFailed() {} }),
  }
}

/** A socket that reaches nobody. */
function unconnected(local: Endpoint): Datagrams {
  return { local, send() {}, onDatagram() {}, close() {} }
}
