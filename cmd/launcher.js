#!/usr/bin/env node
/** The published command. It has no static imports, so that an old Node gets a sentence and not a stack trace. */

/**
 * How V8 is to keep the heap small: flags that it reads each time, not only when it makes a heap. A block leaves garbage of a
 * kilobyte or two. By itself V8 lets the heap of 12 MiB that is in use grow to over 100 before it clears the old part of it;
 * clearing it at a fifth more costs a few milliseconds of each GiB.
 */
const SLOW_GROWTH = '--heap-growing-percent=20'
/** Of a hundred thousand simulated nodes a fifth is much; what they make is nearly all gone before it is old. */
const SLOWER_GROWTH = '--heap-growing-percent=10'
/**
 * By itself V8 finds that what many nodes keep in the beginning lives long, and from then on puts all that the same lines make
 * among the old: messages, calls and walks of a second, a third of all garbage, until the old part is cleared.
 */
const YOUNG_FIRST = '--no-allocation-site-pretenuring'
/**
 * In a large heap V8 gives young objects 128 MiB: a simulation of 30,000 nodes was 97 MB smaller with a quarter of it. It took 11 %
 * more of the processor in the one run in which that was compared; one of 1,000 nodes took 2 to 4 % less.
 */
const SMALL_YOUTH = '--max-semi-space-size=16'
/**
 * A simulation may use so much of the machine's memory. By itself V8 gives up at 4 GiB, which 100,000 nodes need that come and go; and it
 * is told before it starts, or not at all.
 */
const SIMULATION_SHARE = 3 / 4
/** As a process has them once it runs, and as V8 has them by itself. */
const HEAP_FLAGS = [
  { running: SLOW_GROWTH, byItself: '--heap-growing-percent=0' },
  // The part for young objects doubles whenever as much has survived in it as it holds, which sooner or later it has: to
  // 32 MiB after some GiB, to 128 in the end. What is in use at one time fits into the 2 MiB that it begins with. Not so
  // in simulations.
  { running: '--semi-space-growth-factor=1', byItself: '--semi-space-growth-factor=2' },
]

/**
 * By then all is loaded, in the disk workers, too. V8 takes compiled code, that of Node's own modules among it, only under the
 * flags that it was compiled with: flags that are set sooner cost each thread 20 to 50 ms of compiling.
 */
const LOADED_MS = 1_000

/**
 * Threads that wait for files, names and the reader of the log. A disk that does not answer takes four of them
 * (MAX_READS_IN_FLIGHT); what it has nothing to do with must go on.
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
  // Computes without a pause, and for so long that a start which is 50 ms slower does not matter.
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
    // What failed, or was interrupted before its end, has not called what those after it will.
    if (code !== 0 || program.isKept) return
    // The next process starts under these.
    setHeap('byItself')
    program.keep()
  })
  program.run()
}
