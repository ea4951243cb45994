/** Spoils inputs, sees where they lead, keeps those that lead somewhere new, and says what goes wrong. */
import { getHeapStatistics } from 'node:v8'
import type { Random } from '../../../src/protocol/ports.ts'
import type { Comparison } from './comparisons.ts'
import { Corpus } from './corpus.ts'
import type { Coverage } from './coverage.ts'
import { shorten, signatureOf, type Finding } from './finding.ts'
import type { InputBox } from './input-box.ts'
import { Mutator } from './mutator.ts'
import { allocationLimit, DEFAULT_MAX_LENGTH, MAX_INPUT_MS, TRIES, type FuzzTarget } from './target.ts'

/** Inputs made of one from the corpus. */
const OFFSPRING = 16

/** One round of so many begins with the slowest input. */
const SLOW_TURN = 32
/** By so much an input must be slower to take its place. */
const SLOWER = 1.2

const TOO_SLOW = 'too slow'
const TOO_MUCH_MEMORY = 'too much memory'

export interface FuzzerOptions {
  readonly target: FuzzTarget
  readonly coverage: Coverage
  readonly comparisons: readonly Comparison[]
  readonly words: readonly Uint8Array[]
  readonly random: Random
  /** Shows the input at hand to who watches over us. */
  readonly box: InputBox
  readonly onFinding: (finding: Finding) => void
}

interface Cost {
  readonly ms: number
  readonly bytes: number
}

export class Fuzzer {
  readonly corpus: Corpus = new Corpus()
  readonly #options: FuzzerOptions
  readonly #mutator: Mutator
  readonly #maxLength: number
  readonly #maxAllocation: (length: number) => number
  readonly #maxMs: number
  readonly #known = new Set<string>()
  #executions = 0
  /** The input that took the most work: more of the same may take far more. */
  #slowest: { readonly data: Uint8Array; readonly ms: number } = { data: new Uint8Array(), ms: 0 }

  constructor(options: FuzzerOptions) {
    const { target, random, words, comparisons } = options
    this.#options = options
    this.#maxLength = target.maxLength ?? DEFAULT_MAX_LENGTH
    this.#maxAllocation = target.maxAllocation ?? allocationLimit
    this.#maxMs = target.maxMs ?? MAX_INPUT_MS
    this.#mutator = new Mutator({ random, words, comparisons, maxLength: this.#maxLength })
  }

  get executions(): number {
    return this.#executions
  }

  /** Longer inputs are cut. */
  async plant(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of [new Uint8Array(), ...inputs])
      await this.#try(new Uint8Array(input.subarray(0, this.#maxLength)))
  }

  /** A few inputs, made of one. */
  async round(): Promise<void> {
    const { random, target } = this.#options
    const parent = random.int(SLOW_TURN) === 0 ? this.#slowest.data : this.corpus.pick(random)
    for (let child = 0; child < OFFSPRING; child++) {
      const other = this.corpus.pick(random)
      const grown = random.int(2) === 0 ? target.spoil?.(parent, other, random) : undefined
      await this.#try(grown?.subarray(0, this.#maxLength) ?? this.#mutator.spoil(parent, other))
    }
  }

  async #try(data: Uint8Array): Promise<void> {
    const cost = await this.#run(data)
    this.corpus.observe(data, this.#options.coverage)
    if (cost === undefined) return
    if (cost.ms > SLOWER * this.#slowest.ms) await this.#compare(data)
    const isSlow = cost.ms > this.#maxMs && !this.#known.has(TOO_SLOW)
    const isGreedy = cost.bytes > this.#maxAllocation(data.length) && !this.#known.has(TOO_MUCH_MEMORY)
    if (isSlow || isGreedy) await this.#weigh(data)
  }

  /** @returns undefined when it went wrong */
  async #run(data: Uint8Array): Promise<Cost | undefined> {
    const { target, coverage, box } = this.#options
    box.put(data, ++this.#executions)
    coverage.reset()
    const bytesBefore = bytesInUse()
    const startedAt = processorTime()
    try {
      await target.run(data)
    } catch (error) {
      await this.#onError(data, error)
      return undefined
    }
    return { ms: processorTime() - startedAt, bytes: bytesInUse() - bytesBefore }
  }

  async #onError(data: Uint8Array, error: unknown): Promise<void> {
    const what = signatureOf(error)
    if (this.#known.has(what)) return
    this.#known.add(what)
    const shortest = await shorten(data, async (shorter) => (await this.#failureOf(shorter)) === what)
    const details = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#options.onFinding({ what, details, data: shortest })
  }

  async #failureOf(data: Uint8Array): Promise<string | undefined> {
    try {
      await this.#options.target.run(data)
      return undefined
    } catch (error) {
      return signatureOf(error)
    }
  }

  /** Slower once is chance. */
  async #compare(data: Uint8Array): Promise<void> {
    let { ms } = (await this.#run(data)) ?? { ms: 0 }
    for (let again = 1; again < TRIES && ms > SLOWER * this.#slowest.ms; again++)
      ms = Math.min(ms, (await this.#run(data))?.ms ?? 0)
    if (ms > SLOWER * this.#slowest.ms) this.#slowest = { data: data.slice(), ms }
  }

  /** Once more, as what else the machine does is measured, too. */
  async #weigh(data: Uint8Array): Promise<void> {
    const costs: Cost[] = []
    for (let again = 0; again < TRIES; again++) costs.push((await this.#run(data)) ?? { ms: 0, bytes: 0 })
    const ms = Math.min(...costs.map((cost) => cost.ms))
    const bytes = Math.min(...costs.map((cost) => cost.bytes))
    if (ms > this.#maxMs) this.#complain(TOO_SLOW, `${ms.toFixed(0)} ms for ${data.length} bytes`, data)
    if (bytes > this.#maxAllocation(data.length))
      this.#complain(TOO_MUCH_MEMORY, `${bytes} bytes for ${data.length}`, data)
  }

  #complain(what: string, details: string, data: Uint8Array): void {
    if (this.#known.has(what)) return
    this.#known.add(what)
    this.#options.onFinding({ what, details, data: data.slice() })
  }
}

/** Milliseconds that this thread has worked: what the machine does for others does not count. */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** Of the heap and of array buffers. */
function bytesInUse(): number {
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics()
  return heap + outside
}
