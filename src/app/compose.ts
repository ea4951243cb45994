/** The one place where the real ports meet the core. */
import { FsDisk } from '../storage/fs/fs-disk.ts'
import type { Environment } from './environment.ts'
import { Node, type NodeOptions } from './node.ts'
import { interfaceAddresses } from './node/addresses.ts'
import { namedSource } from './node/bind.ts'
import { SystemClock } from './node/clock.ts'
import { copyBytes } from './node/copy-bytes.ts'
import { maxDescriptors } from './node/descriptors.ts'
import { opensslHashes } from './node/hashes.ts'
import { SystemHttp } from './node/http.ts'
import { joinGroup } from './node/multicast.ts'
import { CryptoRandom } from './node/random.ts'
import { systemResolver } from './node/resolver.ts'
import { openStateFile } from './node/state-file.ts'
import { listenTcp, TcpDialer } from './node/tcp.ts'
import { bindUdp, openUdp } from './node/udp.ts'
import { VERSION } from './version.ts'

/** Of the descriptors. The rest is for files, servers and the DHT, and must not be used up by strangers who connect. */
const CONNECTIONS_SHARE = 1 / 2

/** @param tcpListen a host named here is also the source of outgoing connections */
function systemEnvironment(tcpListen?: string): Environment {
  const source = tcpListen === undefined ? undefined : namedSource(tcpListen)
  const maxConnections = Math.floor(maxDescriptors() * CONNECTIONS_SHARE)
  return {
    clock: new SystemClock(),
    random: new CryptoRandom(),
    hashes: opensslHashes,
    copyBytes,
    resolver: systemResolver,
    dialer: new TcpDialer(source),
    http: new SystemHttp(`bitswarm/${VERSION}`, source),
    disk: new FsDisk(),
    maxConnections,
    listenTcp,
    bindUdp,
    openState: openStateFile,
    openUdp: (family) => openUdp(family, source),
    addresses: interfaceAddresses,
    joinGroup,
  }
}

/**
 * Starts a node on this machine.
 *
 * @throws {ConfigError} an address that is none, or a limit that cannot be one
 * @throws {TransportError} `net.address-in-use` or `net.listen`
 */
export function startNode(options: NodeOptions = {}): Promise<Node> {
  return Node.open(systemEnvironment(options.tcpListen), options)
}
