/** How many good answers remain while a node with its shipped limits is flooded with junk (G20). */
import { encodeMessage } from '../../src/dht/wire/codec.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
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

/** Datagrams per second, for so long. */
interface Load {
  readonly junkPerSecond: number
  readonly goodPerSecond: number
  readonly seconds: number
}

export async function measureFlood(load: Load): Promise<FloodReport> {
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
    const calm = await askGood(loader, endpoint, load)
    const before = await target.ask<TargetCost>('cost')
    const [flooded, ...junk] = await Promise.all([
      askGood(loader, endpoint, load),
      ...flooders.map((flooder, index) => flood(flooder, index, endpoint, load)),
    ])
    const after = await target.ask<TargetCost>('cost')
    return { ...compare(calm, flooded, load), ...describeFlood(junk, { before, after }, load) }
  } finally {
    for (const child of [...flooders, loader, target]) await child.end()
  }
}

/** Good questions, as a node that knows the target would ask them. */
function askGood(loader: Child, target: Endpoint, { goodPerSecond, seconds }: Load): Promise<LoadResult> {
  const question = encodeMessage({
    type: 'findPeers',
    t: 'abcdefgh',
    id: fromHex('5a'.repeat(20)) as Uint8Array as NodeId,
    infoHash: fromHex('a5'.repeat(20)) as Uint8Array as InfoHash,
  }).replace('abcdefgh', TRANSACTION)
  return loader.ask<LoadResult>({
    target,
    block: 20,
    sockets: GOOD_SOCKETS,
    window: GOOD_WINDOW,
    questions: [question],
    seconds,
    perSecond: goodPerSecond,
  } satisfies LoadOrder)
}

/** Lasts as long as the loader's warm-up and its questions. */
function floodSeconds({ seconds }: Load): number {
  return seconds + WARM_UP_SECONDS
}

function flood(flooder: Child, index: number, target: Endpoint, load: Load): Promise<FloodResult> {
  return flooder.ask<FloodResult>({
    target,
    block: 30 + index,
    sockets: FLOOD_SOCKETS,
    perSecond: load.junkPerSecond / FLOODERS,
    seconds: floodSeconds(load),
  } satisfies FloodOrder)
}

function compare(
  calm: LoadResult,
  flooded: LoadResult,
  { goodPerSecond }: Load,
): Pick<FloodReport, 'calm' | 'flooded' | 'goodput' | 'goodAsked'> {
  const calmRate = calm.answers / calm.seconds
  const floodedRate = flooded.answers / flooded.seconds
  return {
    calm: calmRate,
    flooded: floodedRate,
    goodput: floodedRate / calmRate,
    goodAsked: flooded.asked / flooded.seconds / goodPerSecond,
  }
}

function describeFlood(
  junk: readonly FloodResult[],
  { before, after }: { readonly before: TargetCost; readonly after: TargetCost },
  load: Load,
): Omit<FloodReport, keyof ReturnType<typeof compare>> {
  const seconds = floodSeconds(load)
  const cpuMicros = after.cpuMicros - before.cpuMicros
  const dropped = Object.fromEntries(
    Object.entries(after.dropped).map(([reason, count]) => [reason, count - (before.dropped[reason] ?? 0)]),
  )
  const looked = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  return {
    junkOffered: junk.reduce((sum, { sent }) => sum + sent, 0) / seconds,
    junkDropped: looked / seconds,
    cpuMicrosPerJunk: cpuMicros / Math.max(1, looked),
    busy: cpuMicros / 1e6 / seconds,
    rssGrowthMib: (after.rssBytes - before.rssBytes) / 2 ** 20,
    dropped,
  }
}
