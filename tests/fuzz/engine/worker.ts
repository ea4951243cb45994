/** The thread in which a target is fuzzed: its modules are loaded with counters. */
import { parentPort, workerData } from 'node:worker_threads'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { Fuzzer } from './fuzzer.ts'
import { InputBox } from './input-box.ts'
import { InstrumentedLoading, type Source } from './instrumented-loading.ts'
import { latin1 } from './mutator.ts'
import type { Finding } from './finding.ts'
import type { FuzzTarget } from './target.ts'

export interface Task {
  /** Module that exports `target`. */
  readonly url: string
  /** URL of the folder whose modules get counters. */
  readonly root: string
  readonly seconds: number
  readonly seed: number
  readonly inputs: readonly Uint8Array[]
  readonly box: SharedArrayBuffer
  /** It ends with so many. */
  readonly maxFindings: number
}

/** What the thread tells of itself. */
export interface Standing {
  readonly executions: number
  readonly seconds: number
  readonly features: number
  readonly inputs: number
  /** Of the sources that the target is about. */
  readonly points: number
  readonly reached: number
}

export type Report =
  | { readonly type: 'standing'; readonly standing: Standing }
  | { readonly type: 'finding'; readonly finding: Finding }
  | {
      readonly type: 'end'
      readonly standing: Standing
      readonly gist: readonly Uint8Array[]
      /** `src` paths with line and column that no input has reached. */
      readonly missed: readonly string[]
    }

const STANDING_EVERY_MS = 60_000

const task = workerData as Task
const loading = new InstrumentedLoading(task.root)
const { target } = (await import(task.url)) as { readonly target: FuzzTarget }
const tell = (report: Report): void => parentPort!.postMessage(report)
const words = [...loading.words, ...(target.words ?? [])].filter((word) => /^[\0-\xff]*$/.test(word))
let findings = 0
const fuzzer = new Fuzzer({
  target,
  coverage: loading.coverage,
  comparisons: loading.comparisons.kept,
  words: words.map(latin1),
  random: new SeededRandom(task.seed),
  box: new InputBox(task.box),
  onFinding: (finding) => {
    findings++
    tell({ type: 'finding', finding })
  },
})
const startedAt = performance.now()
const endsAt = startedAt + 1_000 * task.seconds
await fuzzer.plant([...target.seeds(), ...task.inputs])
for (
  let toldAt = startedAt, now = startedAt;
  now < endsAt && findings < task.maxFindings;
  now = performance.now()
) {
  await fuzzer.round()
  if (now - toldAt < STANDING_EVERY_MS) continue
  tell({ type: 'standing', standing: standing() })
  toldAt = now
}
tell({ type: 'end', standing: standing(), gist: fuzzer.corpus.gist(), missed: missed() })

function standing(): Standing {
  const points = covered().flatMap(pointsOf)
  return {
    executions: fuzzer.executions,
    seconds: (performance.now() - startedAt) / 1_000,
    features: fuzzer.corpus.features,
    inputs: fuzzer.corpus.size,
    points: points.length,
    reached: points.filter((point) => fuzzer.corpus.points.has(point)).length,
  }
}

function covered(): readonly Source[] {
  return loading.sources.filter(({ path }) => target.sources.includes(path))
}

function pointsOf({ firstPoint, points }: Source): number[] {
  return points.map((_, at) => firstPoint + at)
}

function missed(): string[] {
  return covered().flatMap(({ path, firstPoint, points }) =>
    points.flatMap(({ line, column }, at) =>
      fuzzer.corpus.points.has(firstPoint + at) ? [] : [`${path}:${line}:${column}`],
    ),
  )
}
