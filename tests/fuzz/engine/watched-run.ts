/** A fuzzer in a thread of its own, and somebody who notices when an input never ends or takes all memory. */
import { Worker } from 'node:worker_threads'
import { signatureOf, type Finding } from './finding.ts'
import { InputBox } from './input-box.ts'
import type { Report, Standing, Task } from './worker.ts'

/** Bytes of the longest input of any target. */
const MAX_INPUT_LENGTH = 65_536
/** An input that takes so long never ends: {@link MAX_INPUT_MS} would have told of a slow one. */
const HANG_MS = 30_000
/** Of the thread: a decoder that needs more has no bounds. */
const MAX_HEAP_MIB = 512

/** One of a kind each: more would be the same again. */
const MAX_FINDINGS = 20

export interface RunOptions extends Omit<Task, 'box' | 'maxFindings'> {
  readonly maxFindings?: number
  readonly hangMs?: number
  readonly onStanding?: (standing: Standing) => void
}

export interface RunResult {
  readonly findings: readonly Finding[]
  /** Undefined when it did not come to its end. */
  readonly end: Extract<Report, { type: 'end' }> | undefined
}

/** Rejects when the target cannot be loaded. */
export function fuzz({
  hangMs = HANG_MS,
  maxFindings = MAX_FINDINGS,
  onStanding,
  ...task
}: RunOptions): Promise<RunResult> {
  const box = InputBox.of(MAX_INPUT_LENGTH)
  const findings: Finding[] = []
  let end: RunResult['end']
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { ...task, maxFindings, box: box.shared } satisfies Task,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  })
  const complain = (what: string, details: string): void => {
    findings.push({ what, details, data: box.data })
  }
  let execution = 0
  const watch = setInterval(() => {
    // Nothing has been put into it while modules are loaded.
    const isStuck = execution !== 0 && execution === box.execution && end === undefined
    execution = box.execution
    if (!isStuck) return
    // On a busy machine the thread may take longer to go than it was waited for.
    clearInterval(watch)
    complain('never ends', `for ${hangMs} ms`)
    void worker.terminate()
  }, hangMs)
  return new Promise((resolve, reject) => {
    worker.on('message', (report: Report) => {
      if (report.type === 'finding') findings.push(report.finding)
      else if (report.type === 'end') end = report
      else onStanding?.(report.standing)
    })
    worker.on('error', (error) => {
      // Without an input it is the target itself that is wrong.
      if (box.execution === 0) reject(error)
      else complain(signatureOf(error), String((error as Error).stack))
    })
    worker.on('exit', () => {
      clearInterval(watch)
      resolve({ findings, end })
    })
  })
}
