/**
 * Requests a second that one node answers on one loopback socket, with everything that a datagram of a stranger is
 * checked for, against a bare echo of the same datagrams in the same run (G19).
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { AnnounceMessage, FindPeersMessage, PeersMessage, Request } from '../../src/dht/wire/messages.ts'
import { decodeMessage, encodeMessage } from '../../src/dht/wire/codec.ts'
import { FRAME_OVERHEAD } from '../../src/dht/frames/framer.ts'
import { openUdp } from '../../src/app/node/udp.ts'
import { fromHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import { Child, sharedCores } from './child.ts'
import { framerOf, type Psk } from './member.ts'
import { TRANSACTION, WARM_UP_SECONDS, type LoadOrder, type LoadResult } from './load-process.ts'
import { percentile } from './crowd.ts'
import type { CrowdOrder } from './crowd-process.ts'
import type { TargetAddress, TargetCost, TargetOrder } from './target-process.ts'

export const KINDS = ['ping', 'find', 'find+peers', 'announce'] as const
export type Kind = (typeof KINDS)[number]

/** The least that it may do of what an echo does (G19); the design has none for announces. */
const OPEN_GOALS: Readonly<Record<Kind, number | undefined>> = {
  ping: 0.9,
  find: 0.6,
  'find+peers': 0.55,
  announce: undefined,
}
/** The design names one goal for signed frames: what is asked for most. */
const SIGNED_GOAL = 0.4

function goalOf(kind: Kind, psk: Psk): number | undefined {
  if (psk === 'off') return OPEN_GOALS[kind]
  return psk === 'hmac' && kind === 'find' ? SIGNED_GOAL : undefined
}
const MAX_P99_MICROS = 5_000

const ECHO_HOST = '127.0.1.1'
const TARGET_HOST = '127.0.2.1'
/** Enough for a full list of nodes and for the 60 peers of the goal. */
const POPULATION = 64
const PEERS = 60
/** Enough to keep an echo busy; no more than there are cores for them, as each of them never sleeps. */
const MAX_LOADERS = 3
const SOCKETS = 16
const WINDOW = 8
/** One source may announce 500 times at once and 50 times a second: many sources do it so often together. */
const ANNOUNCE_SOCKETS = 256
const ANNOUNCE_WINDOW = 1
/** Who asks. */
const ASKER = '5a'.repeat(20)

export interface UdpRow {
  readonly kind: Kind
  readonly psk: Psk
  readonly perSecond: number
  /** Of an echo of the same datagrams. */
  readonly share: number
  readonly goal: number | undefined
  readonly cpuMicros: number
  readonly echoCpuMicros: number
  /** How much of a core the node and the echo had: less than all, and others were the limit. */
  readonly busy: number
  readonly echoBusy: number
  /** At half of `perSecond`. */
  readonly p50Micros: number
  readonly p99Micros: number
  /** Of an echo that is asked as often: what is not of our making. */
  readonly echoP99Micros: number
  readonly questionBytes: number
  readonly answerBytes: number
  readonly lost: number
  /** At half of `perSecond`, too. */
  readonly gcP99Ms: number
  readonly isMet: boolean
}

/** Measures one target in a network of its own; `say` is told of each step. */
export async function measureUdp(
  kinds: readonly Kind[],
  psk: Psk,
  { seconds, say }: { readonly seconds: number; readonly say: (line: string) => void },
): Promise<UdpRow[]> {
  const cores = sharedCores()
  const loaders = Math.min(MAX_LOADERS, cores.others?.split(',').length ?? MAX_LOADERS)
  const children = {
    echo: new Child('target-process.ts', cores.measured),
    target: new Child('target-process.ts', cores.measured),
    population: new Child('crowd-process.ts', cores.others),
    loaders: Array.from({ length: loaders }, () => new Child('load-process.ts', cores.others)),
  }
  try {
    const echo = await children.echo.ask<TargetAddress>({
      kind: 'echo',
      host: ECHO_HOST,
    } satisfies TargetOrder)
    const target = await children.target.ask<TargetAddress>({
      kind: 'node',
      host: TARGET_HOST,
      psk,
    } satisfies TargetOrder)
    // Nobody is nearer to this info hash than the target, so that it stores what is announced.
    const infoHash = target.id
    const populate = (order: CrowdOrder): Promise<unknown> => children.population.ask(order)
    await populate({ order: 'start', first: 0, count: POPULATION, everyMs: 0, seed: target.endpoint, psk })
    await populate({ order: 'announce', infoHashes: Array.from({ length: POPULATION }, () => infoHash) })
    say(`waiting for ${POPULATION} nodes to join and announce`)
    await untilPopulated(children.target)

    const run = async (at: TargetAddress, cost: Child, kind: Kind, perSecond?: number): Promise<Run> => {
      const before = await cost.ask<TargetCost>('cost')
      const results = await Promise.all(
        children.loaders.map(async (loader, index) => {
          const block = 10 + index
          const questions = await questionsOf(kind, { block, target, psk })
          const share = perSecond === undefined ? undefined : perSecond / loaders
          // An echo gets as many bytes, and would only send a member's own frame back to it.
          const isFramed = psk !== 'off' && at === target
          const padding = ' '.repeat(isFramed || psk === 'off' ? 0 : FRAME_OVERHEAD)
          return loader.ask<LoadResult>({
            target: at.endpoint,
            block,
            sockets: kind === 'announce' ? ANNOUNCE_SOCKETS : SOCKETS,
            window: kind === 'announce' ? ANNOUNCE_WINDOW : WINDOW,
            frames: isFramed ? { psk, asker: ASKER, target: target.id } : undefined,
            questions: questions.map((question) => question + padding),
            seconds,
            perSecond: share,
          } satisfies LoadOrder)
        }),
      )
      const after = await cost.ask<TargetCost>('cost')
      return { results, cpuMicros: after.cpuMicros - before.cpuMicros, gcPausesMs: after.gcPausesMs }
    }

    // The warm-up costs as much a second as what is counted.
    const busyOf = ({ cpuMicros }: Run): number => cpuMicros / 1e6 / (seconds + WARM_UP_SECONDS)

    const rows: UdpRow[] = []
    for (const kind of kinds) {
      // The echo runs before and after, as the machine's speed changes meanwhile.
      const echoes = [await run(echo, children.echo, kind)]
      const full = await run(target, children.target, kind)
      echoes.push(await run(echo, children.echo, kind))
      const echoed = sum(echoes.map(rateOf)) / echoes.length
      const perSecond = rateOf(full)
      const half = await run(target, children.target, kind, perSecond / 2)
      const echoHalf = await run(echo, children.echo, kind, perSecond / 2)
      const share = perSecond / echoed
      const [question] = await questionsOf(kind, { block: 10, target, psk })
      const p99Micros = p99Of(half)
      const answers = sum(full.results.map((each) => each.answers))
      const goal = goalOf(kind, psk)
      rows.push({
        kind,
        psk,
        perSecond,
        share,
        goal,
        cpuMicros: (1e6 * busyOf(full)) / perSecond,
        echoCpuMicros: (1e6 * sum(echoes.map(busyOf))) / sum(echoes.map(rateOf)),
        busy: busyOf(full),
        echoBusy: sum(echoes.map(busyOf)) / echoes.length,
        p50Micros: Math.max(...half.results.map((each) => each.p50Micros)),
        p99Micros,
        echoP99Micros: p99Of(echoHalf),
        questionBytes: question!.length + (psk === 'off' ? 0 : FRAME_OVERHEAD),
        answerBytes: sum(full.results.map((each) => each.answerBytes)) / answers,
        lost: sum(full.results.map((each) => each.lost)),
        gcP99Ms: percentile(half.gcPausesMs, 0.99),
        isMet: (goal === undefined || share >= goal) && p99Micros < MAX_P99_MICROS,
      })
      say(`${kind}: ${Math.round(perSecond)} answers a second, an echo ${Math.round(echoed)}`)
    }
    return rows
  } finally {
    for (const child of [...children.loaders, children.population, children.target, children.echo])
      await child.end()
  }
}

interface Run {
  readonly results: readonly LoadResult[]
  readonly cpuMicros: number
  readonly gcPausesMs: readonly number[]
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const p99Of = ({ results }: Run): number => Math.max(...results.map(({ p99Micros }) => p99Micros))

const rateOf = ({ results }: Run): number => sum(results.map(({ answers, seconds }) => answers / seconds))

async function untilPopulated(target: Child): Promise<void> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const { contacts, storedPeers } = await target.ask<TargetCost>('cost')
    if (contacts >= 16 && storedPeers >= PEERS) return
    if (performance.now() > deadline)
      throw new Error(`after 30 s the target knows ${contacts} nodes and ${storedPeers} peers`)
    await pause(200)
  }
}

/** One question for each socket of a loader, ready but for the transaction id. */
async function questionsOf(
  kind: Kind,
  { block, target, psk }: { readonly block: number; readonly target: TargetAddress; readonly psk: Psk },
): Promise<readonly string[]> {
  const id = fromHex(ASKER) as Uint8Array as NodeId
  const header = { t: 'abcdefgh', id } as const
  const hash = fromHex(target.id) as Uint8Array as InfoHash
  // Nobody has announced it: nodes and no peers. And a token, as only those give one who are near.
  const other = hash.with(hash.length - 1, hash.at(-1)! ^ 1) as Uint8Array as InfoHash
  switch (kind) {
    case 'ping':
      return [ready({ type: 'ping', ...header })]
    case 'find':
      return [ready({ type: 'findPeers', ...header, infoHash: other })]
    case 'find+peers':
      return [ready({ type: 'findPeers', ...header, infoHash: hash, pad: 248 })]
    case 'announce':
      return Promise.all(
        Array.from({ length: ANNOUNCE_SOCKETS }, async (_, socket) => {
          const token = await tokenFor(
            `127.${block}.${socket}.1`,
            { target, psk },
            {
              type: 'findPeers',
              ...header,
              infoHash: other,
            },
          )
          const announce: AnnounceMessage = {
            type: 'announce',
            ...header,
            infoHash: other,
            token,
            port: 20_000,
          }
          return ready(announce)
        }),
      )
  }
}

function ready(request: Request): string {
  return encodeMessage(request).replace('abcdefgh', TRANSACTION)
}

/** Asks from that address, as tokens are bound to it. */
function tokenFor(
  host: string,
  { target, psk }: { readonly target: TargetAddress; readonly psk: Psk },
  question: FindPeersMessage,
): Promise<string> {
  const framer = framerOf(psk, question.id)
  const socket = openUdp(4, host)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no token within a second')), 1_000)
    socket.onDatagram = (data) => {
      clearTimeout(timer)
      socket.close()
      const opened = framer?.open(data)
      if (typeof opened === 'string') return reject(new Error(`an answer in a frame that says: ${opened}`))
      const { token } = decodeMessage(opened?.body ?? data) as PeersMessage
      if (token === undefined) reject(new Error('an answer without a token'))
      else resolve(token)
    }
    const open = new TextEncoder().encode(encodeMessage(question))
    const receiver = fromHex(target.id) as Uint8Array as NodeId
    socket.send(framer?.seal(open, receiver) ?? open, target.endpoint)
  })
}
