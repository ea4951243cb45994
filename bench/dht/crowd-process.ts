/** Many nodes of the DHT in one process, each with a socket on a loopback address of its own, as shipped. */
import { setTimeout as pause } from 'node:timers/promises'
import { SystemClock } from '../../src/app/node/clock.ts'
import { CryptoRandom } from '../../src/app/node/random.ts'
import { bindUdp } from '../../src/app/node/udp.ts'
import { DatagramPort } from '../../src/dht/wire/datagram-port.ts'
import { DhtNode } from '../../src/dht/node.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { fromHex, type InfoHash } from '../../src/protocol/ids.ts'
import { framesOf, type Psk } from './member.ts'

/** An order to one process of a crowd. The node `index` is bound to `127.<100 + index / 256>.<index % 256>.1`. */
export type CrowdOrder =
  /** Starts `count` nodes, one every `everyMs`; each joins through `seed`. Answered when all have been started. */
  | {
      readonly order: 'start'
      readonly first: number
      readonly count: number
      readonly everyMs: number
      readonly seed: Endpoint
      readonly psk?: Psk
    }
  /** The node `first + i` announces hash number `i` (hex); the port it names is its own. Answered at once. */
  | { readonly order: 'announce'; readonly infoHashes: readonly string[] }
  /** Looks the hashes up one after the other, each by another node. Answered with {@link CrowdLookup}s. */
  | { readonly order: 'lookup'; readonly infoHashes: readonly string[] }
  /** Answered with {@link CrowdState}. */
  | { readonly order: 'state' }

export interface CrowdLookup {
  /** `host:port` of those found. */
  readonly peers: readonly string[]
  readonly hops: number
  readonly rpcs: number
  readonly ms: number
  /** Until the first peer; undefined when none was found. */
  readonly firstMs: number | undefined
}

export interface CrowdState {
  readonly nodes: number
  readonly ready: number
  readonly contacts: number
  readonly storedPeers: number
  readonly sent: number
  readonly received: number
  readonly dropped: Readonly<Record<string, number>>
  readonly rssBytes: number
  readonly cpuMicros: number
}

/** The address of a node of the crowd. */
export const crowdHost = (index: number): string => `127.${100 + (index >>> 8)}.${index & 255}.1`

const clock = new SystemClock()
const random = new CryptoRandom()
const nodes: { readonly node: DhtNode; readonly port: number }[] = []
let lookups = 0

process.on('message', (order: CrowdOrder) => {
  void obey(order).then((answer) => process.send!(answer))
})
process.once('disconnect', () => process.exit(0))

async function obey(order: CrowdOrder): Promise<object> {
  switch (order.order) {
    case 'start':
      for (let i = 0; i < order.count; i++) {
        await start(order.first + i, order.seed, order.psk)
        if (order.everyMs > 0) await pause(order.everyMs)
      }
      return {}
    case 'announce':
      order.infoHashes.forEach((hash, i) => {
        const { node, port } = nodes[i % nodes.length]!
        node.announce(infoHashOf(hash), port, { isSeed: false })
      })
      return {}
    case 'lookup': {
      const found: CrowdLookup[] = []
      for (const hash of order.infoHashes) found.push(await lookUp(infoHashOf(hash)))
      return found
    }
    case 'state':
      return state()
  }
}

async function start(index: number, seed: Endpoint, psk: Psk = 'off'): Promise<void> {
  const [socket] = await bindUdp(`${crowdHost(index)}:0`)
  const port = new DatagramPort(socket!, { clock, frames: framesOf(psk) })
  const node = new DhtNode({ family: 4, port, clock, random, emit: () => undefined })
  node.bootstrap([seed])
  nodes.push({ node, port: socket!.local.port })
}

function lookUp(infoHash: InfoHash): Promise<CrowdLookup> {
  // Not the announcer, which would find itself in its own store.
  const { node } = nodes[(lookups++ * 7 + 3) % nodes.length]!
  const start = performance.now()
  const peers: string[] = []
  let firstMs: number | undefined
  return new Promise((resolve) => {
    node.lookup(
      infoHash,
      (found) => {
        firstMs ??= performance.now() - start
        for (const { host, port } of found) peers.push(`${host}:${port}`)
      },
      ({ hops, rpcs, ms }) => resolve({ peers, hops, rpcs, ms, firstMs }),
    )
  })
}

function state(): CrowdState {
  const snapshots = nodes.map(({ node }) => node.snapshot())
  const sum = (of: (snapshot: (typeof snapshots)[number]) => number): number =>
    snapshots.reduce((total, snapshot) => total + of(snapshot), 0)
  const dropped: Record<string, number> = {}
  for (const snapshot of snapshots)
    for (const [reason, count] of Object.entries(snapshot.dropped))
      dropped[reason] = (dropped[reason] ?? 0) + count
  const { user, system } = process.cpuUsage()
  return {
    nodes: snapshots.length,
    ready: snapshots.filter(({ isReady }) => isReady).length,
    contacts: sum(({ contacts }) => contacts),
    storedPeers: sum(({ storedPeers }) => storedPeers),
    sent: sum(({ sent }) => sent),
    received: sum(({ received }) => received),
    dropped,
    rssBytes: process.memoryUsage.rss(),
    cpuMicros: user + system,
  }
}

function infoHashOf(hex: string): InfoHash {
  return fromHex(hex) as Uint8Array as InfoHash
}
