/** One run of the built program, to its end. */
import { execFile } from 'node:child_process'
import { FROM_DIST } from '../../scripts/swarm-process.ts'

const LIMIT_MS = 30_000
const MAX_OUTPUT = 64 * 2 ** 20

/** What would move the cursor, colour the text, or reorder or hide it, were it written to a terminal. */
const HARMFUL = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

export interface Ending {
  /** Undefined when it had to be killed. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** Lines of both that are not fit for a terminal. */
  readonly harmful: readonly string[]
}

export function run(cwd: string, args: readonly string[]): Promise<Ending> {
  const env = { ...process.env, BITSWARM_STATE_DIR: '' }
  const options = { cwd, env, timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT, killSignal: 'SIGKILL' } as const
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [FROM_DIST, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined
      const lines = [...stdout.split('\n'), ...stderr.split(/[\r\n]/)]
      resolve({ code, stdout, stderr, harmful: lines.filter((line) => HARMFUL.test(line)) })
    })
    child.stdin!.end()
  })
}
