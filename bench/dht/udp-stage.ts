/** The processes of {@link measureUdp}: a node among its neighbours, a bare echo, and the loaders that ask them in turn. */
import { setTimeout as pause } from 'node:timers/promises'
import { FRAME_OVERHEAD } from '../../src/dht/frames/framer.ts'
import { Child, sharedCores } from './child.ts'
import type { CrowdOrder } from './crowd-process.ts'
import { WARM_UP_SECONDS, type LoadOrder, type LoadResult } from './load-process.ts'
import type { Psk } from './member.ts'
import { ANNOUNCE_SOCKETS, ASKER, questionsOf, type Kind } from './questions.ts'
import type { TargetAddress, TargetCost, TargetOrder } from './target-process.ts'

const ECHO_HOST = '127.0.1.1'
const TARGET_HOST = '127.0.2.1'
/** Enough for a full list of nodes and for the 60 peers of the goal. */
const POPULATION = 64
const PEERS = 60
const POPULATED_WITHIN_MS = 30_000
/** Enough to keep an echo busy, and no more than there are cores for them: loaders never sleep. */
const MAX_LOADERS = 3
const SOCKETS = 16
const WINDOW = 8
const ANNOUNCE_WINDOW = 1
/** Sockets of loader n are bound to `127.<FIRST_BLOCK + n>.x.1`. */
const FIRST_BLOCK = 10

/** One kind of request, asked of one target for some seconds. */
export interface UdpRun {
  readonly answersPerSecond: number
  /** Of the target's core. */
  readonly busy: number
  /** Medians and 99th percentiles of the slowest loader. */
  readonly p50Micros: number
  readonly p99Micros: number
  readonly meanAnswerBytes: number
  readonly lost: number
  readonly gcPausesMs: readonly number[]
}

export interface RunOptions {
  readonly kind: Kind
  /** Undefined: as many as are answered. */
  readonly perSecond?: number
}

export class UdpStage {
  readonly #psk: Psk
  readonly #seconds: number
  readonly #echo: Child
  readonly #node: Child
  readonly #population: Child
  readonly #loaders: readonly Child[]
  #echoAddress!: TargetAddress
  #nodeAddress!: TargetAddress

  /** @param seconds of each run */
  constructor(psk: Psk, seconds: number) {
    const cores = sharedCores()
    const loaders = Math.min(MAX_LOADERS, cores.others?.split(',').length ?? MAX_LOADERS)
    this.#psk = psk
    this.#seconds = seconds
    this.#echo = new Child('target-process.ts', cores.measured)
    this.#node = new Child('target-process.ts', cores.measured)
    this.#population = new Child('crowd-process.ts', cores.others)
    this.#loaders = Array.from({ length: loaders }, () => new Child('load-process.ts', cores.others))
  }

  /** Starts the echo and the node; resolves once the node has {@link POPULATION} neighbours that announced to it. */
  async open(say: (line: string) => void): Promise<void> {
    const echo: TargetOrder = { kind: 'echo', host: ECHO_HOST }
    const node: TargetOrder = { kind: 'node', host: TARGET_HOST, psk: this.#psk }
    this.#echoAddress = await this.#echo.ask<TargetAddress>(echo)
    this.#nodeAddress = await this.#node.ask<TargetAddress>(node)
    // Nobody is nearer to this info hash than the node, so that it stores what is announced.
    const { endpoint: seed, id: infoHash } = this.#nodeAddress
    await this.#populate({ order: 'start', first: 0, count: POPULATION, everyMs: 0, seed, psk: this.#psk })
    await this.#populate({
      order: 'announce',
      infoHashes: Array.from({ length: POPULATION }, () => infoHash),
    })
    say(`waiting for ${POPULATION} nodes to join and announce`)
    await this.#untilPopulated()
  }

  #populate(order: CrowdOrder): Promise<unknown> {
    return this.#population.ask(order)
  }

  async #untilPopulated(): Promise<void> {
    const deadline = performance.now() + POPULATED_WITHIN_MS
    for (;;) {
      const { contacts, storedPeers } = await this.#node.ask<TargetCost>('cost')
      if (contacts >= 16 && storedPeers >= PEERS) return
      if (performance.now() > deadline)
        throw new Error(`after 30 s the node knows ${contacts} nodes and ${storedPeers} peers`)
      await pause(200)
    }
  }

  askNode(options: RunOptions): Promise<UdpRun> {
    return this.#run(this.#node, options)
  }

  askEcho(options: RunOptions): Promise<UdpRun> {
    return this.#run(this.#echo, options)
  }

  async #run(target: Child, options: RunOptions): Promise<UdpRun> {
    const before = await target.ask<TargetCost>('cost')
    const results = await Promise.all(
      this.#loaders.map(async (loader, index) =>
        loader.ask<LoadResult>(await this.#loadOrder(target, FIRST_BLOCK + index, options)),
      ),
    )
    const after = await target.ask<TargetCost>('cost')
    const answers = sum(results.map((each) => each.answers))
    return {
      answersPerSecond: sum(results.map((each) => each.answers / each.seconds)),
      // The warm-up costs as much a second as what is counted.
      busy: (after.cpuMicros - before.cpuMicros) / 1e6 / (this.#seconds + WARM_UP_SECONDS),
      p50Micros: Math.max(...results.map((each) => each.p50Micros)),
      p99Micros: Math.max(...results.map((each) => each.p99Micros)),
      meanAnswerBytes: sum(results.map((each) => each.answerBytes)) / answers,
      lost: sum(results.map((each) => each.lost)),
      gcPausesMs: after.gcPausesMs,
    }
  }

  /** @param block where the loader's sockets are bound */
  async #loadOrder(target: Child, block: number, { kind, perSecond }: RunOptions): Promise<LoadOrder> {
    const isFramed = this.#psk !== 'off' && target === this.#node
    // An echo gets as many bytes, but no frames: it would only send a member's own back to it.
    const padding = ' '.repeat(isFramed ? 0 : this.#overhead)
    const questions = await questionsOf(kind, { block, target: this.#nodeAddress, psk: this.#psk })
    return {
      target: (target === this.#node ? this.#nodeAddress : this.#echoAddress).endpoint,
      block,
      sockets: kind === 'announce' ? ANNOUNCE_SOCKETS : SOCKETS,
      window: kind === 'announce' ? ANNOUNCE_WINDOW : WINDOW,
      frames: isFramed ? { psk: this.#psk, asker: ASKER, target: this.#nodeAddress.id } : undefined,
      questions: questions.map((question) => question + padding),
      seconds: this.#seconds,
      perSecond: perSecond === undefined ? undefined : perSecond / this.#loaders.length,
    }
  }

  /** On the wire, the frame included. */
  async questionBytes(kind: Kind): Promise<number> {
    const [question] = await questionsOf(kind, {
      block: FIRST_BLOCK,
      target: this.#nodeAddress,
      psk: this.#psk,
    })
    return question!.length + this.#overhead
  }

  get #overhead(): number {
    return this.#psk === 'off' ? 0 : FRAME_OVERHEAD
  }

  async close(): Promise<void> {
    for (const child of [...this.#loaders, this.#population, this.#node, this.#echo]) await child.end()
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
