/** Thousands of real nodes on loopback, limits as shipped: all join through one, announce, and find each other. */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { formatEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'
import { percentile } from '../percentile.ts'
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
  const crowd = new Crowd(nodes)
  try {
    const started = performance.now()
    const seed = await crowd.start()
    say(`${nodes} nodes started, the first at ${crowdHost(0)}, all through ${formatEndpoint(seed)}`)
    await until(READY_DEADLINE_MS, async () => total(await crowd.states(), ({ ready }) => ready) === nodes)
    const readySeconds = (performance.now() - started) / 1_000
    say(`all ready after ${readySeconds.toFixed(1)} s`)

    const infoHashes = Array.from({ length: hashes }, () => randomBytes(20).toString('hex'))
    await crowd.announce(infoHashes)
    await until(
      ANNOUNCE_DEADLINE_MS,
      async () => total(await crowd.states(), ({ storedPeers }) => storedPeers) >= REPLICAS * hashes,
    )
    say(`${hashes} hashes announced`)

    const lookups = await crowd.lookUp(infoHashes)
    const states = await crowd.states()
    return {
      nodes,
      hashes,
      readySeconds,
      ...describeLookups(lookups),
      ...describeNodes(states, nodes, hashes),
    }
  } finally {
    await crowd.end()
  }
}

/** The processes that the nodes live in. */
class Crowd {
  readonly #nodes: number
  readonly #seed = new Child('target-process.ts')
  readonly #crowds = Array.from({ length: PROCESSES }, () => new Child('crowd-process.ts'))

  constructor(nodes: number) {
    this.#nodes = nodes
  }

  /** @returns the endpoint of the node that all others join through */
  async start(): Promise<Endpoint> {
    const { endpoint } = await this.#seed.ask<TargetAddress>({
      kind: 'node',
      host: SEED_HOST,
      hasShippedLimits: true,
    } satisfies TargetOrder)
    const each = Math.ceil(this.#nodes / PROCESSES)
    await this.#tellEach((index) => ({
      order: 'start',
      first: index * each,
      count: Math.min(each, this.#nodes - index * each),
      everyMs: (START_SECONDS * 1_000) / each,
      seed: endpoint,
    }))
    return endpoint
  }

  async announce(infoHashes: readonly string[]): Promise<void> {
    await this.#tellEach((index) => ({ order: 'announce', infoHashes: shareOf(index, infoHashes) }))
  }

  /** Every hash is looked up in a process other than the one that announced it. */
  async lookUp(infoHashes: readonly string[]): Promise<CrowdLookup[]> {
    const lists = await this.#tellEach<CrowdLookup[]>((index) => ({
      order: 'lookup',
      infoHashes: shareOf((index + 1) % PROCESSES, infoHashes),
    }))
    return lists.flat()
  }

  states(): Promise<CrowdState[]> {
    return this.#tellEach<CrowdState>(() => ({ order: 'state' }))
  }

  async end(): Promise<void> {
    for (const child of [...this.#crowds, this.#seed]) await child.end()
  }

  #tellEach<Answer>(orderFor: (index: number) => CrowdOrder): Promise<Answer[]> {
    return Promise.all(this.#crowds.map((crowd, index) => crowd.ask<Answer>(orderFor(index))))
  }
}

function shareOf(index: number, infoHashes: readonly string[]): string[] {
  return infoHashes.filter((_, i) => i % PROCESSES === index)
}

function describeLookups(
  lookups: readonly CrowdLookup[],
): Pick<CrowdReport, 'found' | 'hops' | 'rpcs' | `${'first' | 'done'}P${50 | 99}Ms`> {
  const first = lookups.flatMap(({ firstMs }) => firstMs ?? [])
  const done = lookups.map(({ ms }) => ms)
  return {
    found: lookups.filter(({ peers }) => peers.length > 0).length,
    hops: mean(lookups.map(({ hops }) => hops)),
    rpcs: mean(lookups.map(({ rpcs }) => rpcs)),
    firstP50Ms: percentile(first, 0.5),
    firstP99Ms: percentile(first, 0.99),
    doneP50Ms: percentile(done, 0.5),
    doneP99Ms: percentile(done, 0.99),
  }
}

function describeNodes(
  states: readonly CrowdState[],
  nodes: number,
  hashes: number,
): Pick<
  CrowdReport,
  'ready' | 'contactsEach' | 'replicas' | 'messages' | 'dropped' | 'rssMib' | 'cpuSeconds'
> {
  const dropped: Record<string, number> = {}
  for (const state of states)
    for (const [reason, count] of Object.entries(state.dropped))
      dropped[reason] = (dropped[reason] ?? 0) + count
  return {
    ready: total(states, ({ ready }) => ready),
    contactsEach: total(states, ({ contacts }) => contacts) / nodes,
    replicas: total(states, ({ storedPeers }) => storedPeers) / hashes,
    messages: total(states, ({ sent }) => sent),
    dropped,
    rssMib: total(states, ({ rssBytes }) => rssBytes) / 2 ** 20,
    cpuSeconds: total(states, ({ cpuMicros }) => cpuMicros) / 1e6,
  }
}

function total<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0)
}

function mean(values: readonly number[]): number {
  return total(values, (value) => value) / values.length
}

/** Checks every half second; gives up silently, since the report tells how far it came. */
async function until(deadlineMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await isTrue()) && performance.now() < deadline) await pause(500)
}
