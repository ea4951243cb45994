/** Thousands of real nodes on loopback, limits as shipped: all join through one, announce, and find each other. */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { formatEndpoint } from '../../src/protocol/endpoint.ts'
import { Child } from './child.ts'
import { crowdHost, type CrowdLookup, type CrowdOrder, type CrowdState } from './crowd-process.ts'
import type { TargetAddress, TargetOrder } from './target-process.ts'

const PROCESSES = 4
/** All nodes are started within this time: their own joins are most of the traffic. */
const START_SECONDS = 40
const READY_DEADLINE_MS = 120_000
const ANNOUNCE_DEADLINE_MS = 60_000
/** Holders of one record: eight, less those whose answer to the announce was lost. */
const REPLICAS = 7
const SEED_HOST = '127.0.3.1'

export interface CrowdReport {
  readonly nodes: number
  readonly ready: number
  /** From the first start until all were ready. */
  readonly readySeconds: number
  readonly hashes: number
  readonly found: number
  /** Of complete lookups, each by a node that does not store the record. */
  readonly hops: number
  readonly rpcs: number
  readonly firstP50Ms: number
  readonly firstP99Ms: number
  readonly doneP50Ms: number
  readonly doneP99Ms: number
  readonly contactsEach: number
  readonly replicas: number
  readonly messages: number
  readonly dropped: Readonly<Record<string, number>>
  readonly rssMib: number
  readonly cpuSeconds: number
}

export async function measureCrowd(
  nodes: number,
  hashes: number,
  say: (line: string) => void,
): Promise<CrowdReport> {
  const seed = new Child('target-process.ts')
  const crowds = Array.from({ length: PROCESSES }, () => new Child('crowd-process.ts'))
  const tell = <Answer>(crowd: Child, order: CrowdOrder): Promise<Answer> => crowd.ask<Answer>(order)
  const states = (): Promise<CrowdState[]> =>
    Promise.all(crowds.map((crowd) => tell<CrowdState>(crowd, { order: 'state' })))
  try {
    const { endpoint } = await seed.ask<TargetAddress>({
      kind: 'node',
      host: SEED_HOST,
      hasShippedLimits: true,
    } satisfies TargetOrder)
    const each = Math.ceil(nodes / PROCESSES)
    const started = performance.now()
    await Promise.all(
      crowds.map((crowd, index) =>
        tell(crowd, {
          order: 'start',
          first: index * each,
          count: Math.min(each, nodes - index * each),
          everyMs: (START_SECONDS * 1_000) / each,
          seed: endpoint,
        }),
      ),
    )
    say(`${nodes} nodes started, the first at ${crowdHost(0)}, all through ${formatEndpoint(endpoint)}`)
    await until(READY_DEADLINE_MS, async () => total(await states(), ({ ready }) => ready) === nodes)
    const readySeconds = (performance.now() - started) / 1_000
    say(`all ready after ${readySeconds.toFixed(1)} s`)

    const infoHashes = Array.from({ length: hashes }, () => randomBytes(20).toString('hex'))
    const share = (index: number): string[] => infoHashes.filter((_, i) => i % PROCESSES === index)
    await Promise.all(
      crowds.map((crowd, index) => tell(crowd, { order: 'announce', infoHashes: share(index) })),
    )
    await until(
      ANNOUNCE_DEADLINE_MS,
      async () => total(await states(), ({ storedPeers }) => storedPeers) >= REPLICAS * hashes,
    )
    say(`${hashes} hashes announced`)

    // Every hash is looked up in a process other than the one that announced it.
    const lookups = await Promise.all(
      crowds.map((crowd, index) =>
        tell<CrowdLookup[]>(crowd, { order: 'lookup', infoHashes: share((index + 1) % PROCESSES) }),
      ),
    ).then((lists) => lists.flat())
    const after = await states()
    const first = lookups.flatMap(({ firstMs }) => firstMs ?? [])
    const done = lookups.map(({ ms }) => ms)
    const dropped: Record<string, number> = {}
    for (const state of after)
      for (const [reason, count] of Object.entries(state.dropped))
        dropped[reason] = (dropped[reason] ?? 0) + count
    return {
      nodes,
      ready: total(after, ({ ready }) => ready),
      readySeconds,
      hashes,
      found: lookups.filter(({ peers }) => peers.length > 0).length,
      hops: mean(lookups.map(({ hops }) => hops)),
      rpcs: mean(lookups.map(({ rpcs }) => rpcs)),
      firstP50Ms: percentile(first, 0.5),
      firstP99Ms: percentile(first, 0.99),
      doneP50Ms: percentile(done, 0.5),
      doneP99Ms: percentile(done, 0.99),
      contactsEach: total(after, ({ contacts }) => contacts) / nodes,
      replicas: total(after, ({ storedPeers }) => storedPeers) / hashes,
      messages: total(after, ({ sent }) => sent),
      dropped,
      rssMib: total(after, ({ rssBytes }) => rssBytes) / 2 ** 20,
      cpuSeconds: total(after, ({ cpuMicros }) => cpuMicros) / 1e6,
    }
  } finally {
    for (const child of [...crowds, seed]) await child.end()
  }
}

function total<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0)
}

function mean(values: readonly number[]): number {
  return total(values, (value) => value) / values.length
}

export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}

/** Checks every half second; gives up silently, since the report tells how far it came. */
async function until(deadlineMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await isTrue()) && performance.now() < deadline) await pause(500)
}
