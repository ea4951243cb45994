/** The program: the process as an {@link Env}, main, and the exit code. */
import process from 'node:process'
import { activeResources } from '../src/app/node/active-resources.ts'
import { currentFolder } from '../src/app/node/files.ts'
import { heapUsed } from '../src/app/node/heap-used.ts'
import { runAgain } from '../src/app/node/run-again.ts'
import { onSignals } from '../src/app/node/signals.ts'
import { StorageError } from '../src/protocol/errors.ts'
import { EXIT_BROKEN_PIPE, EXIT_STORAGE } from './exit-code.ts'
import { complain, main } from './main.ts'

const STDOUT_FD = 1

// The reader of a sub-command's result has gone, as in `bitswarm inspect x | head -1`, or there is no space for it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_BROKEN_PIPE)
  complain(process, new StorageError('disk.io', `cannot write to stdout: ${error.message}`))
  process.exit(EXIT_STORAGE)
})
// The node does its job even if nobody reads its messages.
process.stderr.on('error', () => {})

async function run(): Promise<never> {
  const code = await main({
    args: process.argv.slice(2),
    variables: process.env,
    get cwd() {
      return currentFolder()
    },
    stdout: process.stdout,
    stderr: process.stderr,
    logFd: STDOUT_FD,
    pid: process.pid,
    nodeVersion: process.versions.node,
    rss: () => process.memoryUsage.rss(),
    heapUsed,
    activeResources,
    onSignals,
    runAgain,
    onCrash(fn) {
      process.on('uncaughtException', fn)
      return () => process.off('uncaughtException', fn)
    },
    exit: (code) => process.exit(code),
    interrupt() {
      process.removeAllListeners('SIGINT')
      process.kill(process.pid, 'SIGINT')
    },
    leave(code) {
      // Only replacing the process keeps Node from waiting for its threads without losing the exit code.
      process.execve!('/bin/sh', ['sh', '-c', `exit ${code}`], {})
    },
  })
  // Whether the last line could be written is reported in a later turn.
  await new Promise((resolve) => setImmediate(resolve))
  process.exit(code)
}

// Not awaited: the build makes a function of this file, in which top-level await is not allowed.
void run()
