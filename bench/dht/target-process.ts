/**
 * What is measured, in a process of its own: a bare echo of datagrams, or the product's DHT node on a real socket.
 * The first message tells it which; it replies with its address, and with its costs whenever asked.
 */
import { createSocket } from 'node:dgram'
import { PerformanceObserver } from 'node:perf_hooks'
import { SystemClock } from '../../src/app/node/clock.ts'
import { CryptoRandom } from '../../src/app/node/random.ts'
import { bindUdp } from '../../src/app/node/udp.ts'
import { DatagramPort } from '../../src/dht/wire/datagram-port.ts'
import { DhtNode } from '../../src/dht/node.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { framesOf, UNLIMITED, type Psk } from './member.ts'

/** Its first reply. */
export interface TargetAddress {
  readonly endpoint: Endpoint
  /** Hex; empty for an echo. */
  readonly id: string
}

export interface TargetOrder {
  readonly kind: 'echo' | 'node'
  readonly host: string
  /** Without it the rates are {@link UNLIMITED}. */
  readonly hasShippedLimits?: boolean
  readonly psk?: Psk
}

/** Since the process began. */
export interface TargetCost {
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly contacts: number
  readonly storedPeers: number
  readonly dropped: Readonly<Record<string, number>>
  /** Of all garbage collections since the last question. */
  readonly gcPausesMs: readonly number[]
}

let gcPausesMs: number[] = []
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcPausesMs.push(duration)
}).observe({ entryTypes: ['gc'] })

let node: DhtNode | undefined

process.once('message', (order: TargetOrder) => void begin(order))
process.once('disconnect', () => process.exit(0))

async function begin(order: TargetOrder): Promise<void> {
  const endpoint = await (order.kind === 'echo' ? echo(order.host) : serve(order))
  const address: TargetAddress = { endpoint, id: node?.snapshot().id ?? '' }
  process.on('message', () => process.send!(cost()))
  process.send!(address)
}

function echo(host: string): Promise<Endpoint> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', lookup: (name, _options, found) => found(null, name, 4) })
    socket.on('message', (data, { address, port }) => socket.send(data, port, address))
    socket.bind(0, host, () => resolve({ host, port: socket.address().port }))
  })
}

async function serve({ host, hasShippedLimits, psk = 'off' }: TargetOrder): Promise<Endpoint> {
  const [socket] = await bindUdp(`${host}:0`)
  const clock = new SystemClock()
  node = new DhtNode({
    family: 4,
    port: new DatagramPort(socket!, {
      clock,
      frames: framesOf(psk),
      limits: hasShippedLimits ? undefined : UNLIMITED,
    }),
    clock,
    random: new CryptoRandom(),
    emit: () => undefined,
  })
  return socket!.local
}

function cost(): TargetCost {
  const { user, system } = process.cpuUsage()
  const snapshot = node?.snapshot()
  const pauses = gcPausesMs
  gcPausesMs = []
  return {
    cpuMicros: user + system,
    rssBytes: process.memoryUsage.rss(),
    contacts: snapshot?.contacts ?? 0,
    storedPeers: snapshot?.storedPeers ?? 0,
    dropped: snapshot?.dropped ?? {},
    gcPausesMs: pauses,
  }
}
