/** How many good answers remain while a node with its shipped limits is flooded with junk (G20). */
import { encodeMessage } from '../../src/dht/wire/codec.ts'
import { fromHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import { Child, sharedCores } from './child.ts'
import type { FloodOrder, FloodResult } from './flood-process.ts'
import { TRANSACTION, WARM_UP_SECONDS, type LoadOrder, type LoadResult } from './load-process.ts'
import type { TargetAddress, TargetCost, TargetOrder } from './target-process.ts'

const TARGET_HOST = '127.0.4.1'
const FLOODERS = 2
/** Addresses from which one process sends its junk. */
const FLOOD_SOCKETS = 64
/** Enough that each stays below the rate of one source. */
const GOOD_SOCKETS = 64
/** Enough that requests whose answers are lost do not hold up others. */
const GOOD_WINDOW = 32

export interface FloodReport {
  /** Answered good questions a second, without and with the flood. */
  readonly calm: number
  readonly flooded: number
  readonly goodput: number
  /** The share of the good requests due under the flood that were actually sent. */
  readonly goodAsked: number
  readonly junkOffered: number
  /** Junk datagrams a second that the node looked at; the kernel dropped the rest. */
  readonly junkDropped: number
  readonly cpuMicrosPerJunk: number
  /** How much of a core the node had. */
  readonly busy: number
  readonly rssGrowthMib: number
  readonly dropped: Readonly<Record<string, number>>
}

export async function measureFlood(
  junkPerSecond: number,
  goodPerSecond: number,
  seconds: number,
): Promise<FloodReport> {
  const cores = sharedCores()
  const target = new Child('target-process.ts', cores.measured)
  const loader = new Child('load-process.ts', cores.others)
  const flooders = Array.from({ length: FLOODERS }, () => new Child('flood-process.ts', cores.others))
  try {
    const { endpoint } = await target.ask<TargetAddress>({
      kind: 'node',
      host: TARGET_HOST,
      hasShippedLimits: true,
    } satisfies TargetOrder)
    const question = encodeMessage({
      type: 'findPeers',
      t: 'abcdefgh',
      id: fromHex('5a'.repeat(20)) as Uint8Array as NodeId,
      infoHash: fromHex('a5'.repeat(20)) as Uint8Array as InfoHash,
    }).replace('abcdefgh', TRANSACTION)
    const ask = (): Promise<LoadResult> =>
      loader.ask<LoadResult>({
        target: endpoint,
        block: 20,
        sockets: GOOD_SOCKETS,
        window: GOOD_WINDOW,
        questions: [question],
        seconds,
        perSecond: goodPerSecond,
      } satisfies LoadOrder)

    const calm = await ask()
    const before = await target.ask<TargetCost>('cost')
    const [flooded, ...junk] = await Promise.all([
      ask(),
      ...flooders.map((flooder, index) =>
        flooder.ask<FloodResult>({
          target: endpoint,
          block: 30 + index,
          sockets: FLOOD_SOCKETS,
          perSecond: junkPerSecond / FLOODERS,
          // The loader's warm-up is flooded too.
          seconds: seconds + WARM_UP_SECONDS,
        } satisfies FloodOrder),
      ),
    ])
    const after = await target.ask<TargetCost>('cost')
    const dropped = Object.fromEntries(
      Object.entries(after.dropped).map(([reason, count]) => [reason, count - (before.dropped[reason] ?? 0)]),
    )
    const looked = Object.values(dropped).reduce((sum, count) => sum + count, 0)
    const calmRate = calm.answers / calm.seconds
    const floodedRate = flooded.answers / flooded.seconds
    return {
      calm: calmRate,
      flooded: floodedRate,
      goodput: floodedRate / calmRate,
      goodAsked: flooded.asked / flooded.seconds / goodPerSecond,
      junkOffered: junk.reduce((sum, { sent }) => sum + sent, 0) / (seconds + WARM_UP_SECONDS),
      junkDropped: looked / (seconds + WARM_UP_SECONDS),
      cpuMicrosPerJunk: (after.cpuMicros - before.cpuMicros) / Math.max(1, looked),
      busy: (after.cpuMicros - before.cpuMicros) / 1e6 / (seconds + WARM_UP_SECONDS),
      rssGrowthMib: (after.rssBytes - before.rssBytes) / 2 ** 20,
      dropped,
    }
  } finally {
    for (const child of [...flooders, loader, target]) await child.end()
  }
}
