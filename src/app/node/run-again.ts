/** This very program once more, in a process of its own. */
import { execFile } from 'node:child_process'

/** Bytes of output; a process that prints more is ended. */
const MAX_OUTPUT = 2 ** 20

export interface EndedProcess {
  /** Its exit code; missing if a signal ended it, or it could not be started. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** In place of an exit code: the signal, or why it could not be started. */
  readonly reason: string
}

/** Runs it with `args` to its end, or until `signal` ends it. */
export function runAgain(args: readonly string[], signal: AbortSignal): Promise<EndedProcess> {
  const whole = [...process.execArgv, process.argv[1]!, ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, whole, { signal, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, stdout, stderr, reason: '' })
      const code = typeof error.code === 'number' ? error.code : undefined
      resolve({ code, stdout, stderr, reason: error.signal ?? error.message })
    })
  })
}
