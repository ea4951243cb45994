/** Everything the command line gets from outside: from the process in production, from the test in tests. */
import type { ActiveResources } from '../src/app/node/active-resources.ts'
import type { EndedProcess } from '../src/app/node/run-again.ts'
import type { SignalHandlers } from '../src/app/node/signals.ts'
import type { ProgressStream } from '../src/app/progress.ts'

export interface Env {
  /** Behind the program's name. */
  readonly args: readonly string[]
  readonly variables: Readonly<Record<string, string | undefined>>
  /** @throws {StorageError} `disk.missing` */
  readonly cwd: string
  /** For what sub-commands print. */
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly stderr: ProgressStream
  /** File descriptor of the event log: that of stdout. */
  readonly logFd: number
  readonly pid: number
  readonly nodeVersion: string
  /** Bytes of memory of the process. @throws when the system does not say */
  rss(): number
  /** Bytes of it in use by objects, dead ones included. */
  heapUsed(): number
  activeResources(): ActiveResources
  onSignals(handlers: SignalHandlers): () => void
  /** Runs this program with `args`, in another process, to its end or until `signal` ends it. */
  runAgain(args: readonly string[], signal: AbortSignal): Promise<EndedProcess>
  /** Calls `fn` for an error that nobody caught. */
  onCrash(fn: (error: unknown) => void): () => void
  /** Ends the process in the ordinary way. */
  exit(code: number): void
  /**
   * Ends the process now, as an interrupt does (shells say 130). Works even while a write to a stalled reader
   * blocks a thread, which an ordinary exit would wait for.
   */
  interrupt(): void
  /** Ends the process now, with this code. Works while a disk blocks a thread, which an ordinary exit would wait for. */
  leave(code: number): void
}
