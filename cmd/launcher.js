#!/usr/bin/env node
/** The published command. It has no static imports, so that an old Node prints a sentence instead of a stack trace. */

/**
 * Keeps the heap small. Each block leaves a kilobyte or two of garbage, and V8's default lets a heap of 12 MiB live data grow
 * to over 100 before it collects the old generation; collecting after growth by a fifth costs a few milliseconds per GiB.
 * V8 reads this flag at every collection, so it can be set while the process runs.
 */
const SLOW_GROWTH = '--heap-growing-percent=20'
/** A fifth of a hundred thousand simulated nodes is much, and nearly all of their garbage dies young. */
const SLOWER_GROWTH = '--heap-growing-percent=10'
/**
 * By default V8 learns from the first nodes, which keep what they allocate, and from then on allocates everything from the same
 * lines in the old generation: messages, calls and walks that live for a second, a third of all garbage, stay there until it is
 * collected.
 */
const YOUNG_FIRST = '--no-allocation-site-pretenuring'
/**
 * In a large heap V8 gives young objects 128 MiB. With a quarter of that, a simulation of 30,000 nodes was 97 MB smaller; in the
 * one run compared it took 11 % more CPU, and one of 1,000 nodes 2 to 4 % less.
 */
const SMALL_YOUTH = '--max-semi-space-size=16'
/**
 * The share of the machine's memory that a simulation may use. V8's default limit is 4 GiB, too little for 100,000 nodes with churn,
 * and it can be changed only before V8 starts.
 */
const SIMULATION_SHARE = 3 / 4
/** Flags for a running process, and V8's defaults. */
const HEAP_FLAGS = [
  { running: SLOW_GROWTH, byItself: '--heap-growing-percent=0' },
  // The young generation doubles whenever as much has survived in it as it holds, which happens sooner or later: it reaches
  // 32 MiB after some GiB, and 128 in the end. What is live at one time fits into its initial 2 MiB, except in simulations.
  { running: '--semi-space-growth-factor=1', byItself: '--semi-space-growth-factor=2' },
]

/**
 * By then everything is loaded, also in the disk workers. V8 accepts compiled code, including that of Node's own modules, only
 * under the flags that it was compiled with: flags set earlier would cost each thread 20 to 50 ms of compiling.
 */
const LOADED_MS = 1_000

/**
 * Threads that wait for files, DNS and the reader of the log. A disk that does not answer blocks four of them
 * (MAX_READS_IN_FLIGHT); everything else must go on.
 */
const POOL_THREADS = '8'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (process.platform === 'win32') {
  // npm says so, too (`os` in package.json), unless it is told not to.
  process.stderr.write('bitswarm does not run on Windows itself, but in WSL: https://aka.ms/wsl\n')
  process.exitCode = 1
} else if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `bitswarm needs Node.js 22.18 or newer; this is ${process.versions.node}.\n` +
      'Without installing one: npx -y -p node@24 -p bitswarm bitswarm …\n',
  )
  process.exitCode = 1
} else {
  const isSimulation = process.argv[2] === 'simulate'
  // A simulation runs for so long that a start which is 50 ms slower does not matter.
  if (isSimulation && !process.execArgv.includes(YOUNG_FIRST)) {
    const mib = Math.floor((process.getBuiltinModule('node:os').totalmem() / 2 ** 20) * SIMULATION_SHARE)
    const flags = [
      ...process.execArgv,
      SLOWER_GROWTH,
      YOUNG_FIRST,
      SMALL_YOUTH,
      `--max-old-space-size=${mib}`,
    ]
    process.execve(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)])
  }
  process.env.UV_THREADPOOL_SIZE ??= POOL_THREADS
  const { CompiledProgram, cacheFolder } = await import('./compiled-program.js')
  const program = new CompiledProgram(
    `${import.meta.dirname}/../bitswarm.cjs`,
    cacheFolder(process.env),
    process.argv.slice(2),
  )
  const setHeap = (/** @type {'running' | 'byItself'} */ how) => {
    if (isSimulation) return
    const { setFlagsFromString } = process.getBuiltinModule('node:v8')
    for (const flag of HEAP_FLAGS) setFlagsFromString(flag[how])
  }
  setTimeout(() => setHeap('running'), LOADED_MS).unref()
  process.once('exit', (code) => {
    // A process that failed or was interrupted has not called everything that the next ones will.
    if (code !== 0 || program.isKept) return
    // The next process starts under these flags.
    setHeap('byItself')
    program.keep()
  })
  program.run()
}
