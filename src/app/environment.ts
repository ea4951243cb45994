/** Everything a process gets from outside. Production and simulation differ in this value and nowhere else. */
import type { StateStore } from '../dht/life/state-store.ts'
import type { Endpoint, Family } from '../protocol/endpoint.ts'
import type {
  AlarmClock,
  CopyBytes,
  Datagrams,
  Dialer,
  Hashes,
  HttpClient,
  Listener,
  MulticastGroup,
  Random,
  Resolver,
  ServiceResolver,
} from '../protocol/ports.ts'
import type { Disk } from '../storage/disk.ts'

export interface Environment {
  readonly clock: AlarmClock
  readonly random: Random
  readonly hashes: Hashes
  readonly copyBytes: CopyBytes
  readonly resolver: Resolver & ServiceResolver
  readonly dialer: Dialer
  readonly http: HttpClient
  readonly disk: Disk
  /** Connections that the process can have at once; Infinity when the system does not say. */
  readonly maxConnections: number
  /**
   * Listens on an address as `-tcp-listen` takes it: `:port` is every address of both families.
   *
   * @param maxAccepted connections at once, per family
   * @throws {TransportError} `net.address-in-use` or `net.listen`
   */
  listenTcp(address: string, maxAccepted: number): Promise<Listener>
  /** The same for UDP: one socket per family. */
  bindUdp(address: string): Promise<readonly Datagrams[]>
  /**
   * Opens a file in a state folder, which is created if missing, for this process alone.
   *
   * @param maxBytes a longer file is not read
   * @throws {StorageError} when that cannot be
   */
  openState(folder: string, name: string, maxBytes: number): Promise<StateStore>
  /** A socket for requests to servers, on any free port; bound with the first datagram that is sent. */
  openUdp(family: Family): Datagrams
  /** The addresses of this machine's interfaces. */
  addresses(): readonly string[]
  /** Joins a multicast group on every interface, now and whenever interfaces come. */
  joinGroup(group: Endpoint): MulticastGroup
}
