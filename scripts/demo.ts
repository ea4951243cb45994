/**
 * `npm run demo`: a bootstrap node, a seeder and two leechers as real processes on one machine.
 *
 *     npm run demo -- [path] [--full-speed]
 *
 * The second leecher starts when the first has half, and must take pieces from both the seeder and the first leecher.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { LeecherProgress, openScreen, type Screen } from './demo-screen.ts'
import { freePort } from './free-ports.ts'
import { freeSpace, MIB, sha256, writeRandomFile } from './payload.ts'
import { SwarmProcess, type EventLine } from './swarm-process.ts'

const DEMO_LENGTH = 256 * MIB
/** A smaller file has too few pieces for both sources to be certain to get a turn. */
const MIN_LENGTH = 16 * MIB
const UPLOAD_LIMIT = '64MiB'
/** A leecher that receives nothing for this long gives up. */
const STALL_SECONDS = 30
/** How long a process may take to start: more than any machine needs. */
const START_DEADLINE_MS = 20_000

/**
 * Each process has an address of its own, so that a `have` line identifies its source regardless of who dialled whom.
 * Where only 127.0.0.1 exists, they share it and differ by port.
 */
const hostOf = (index: number): string => `127.0.0.${process.platform === 'darwin' ? 1 : index}`

interface Options {
  readonly path: string | undefined
  readonly isLimited: boolean
}

/** The processes and files of the demo: all gone at the end, however it ends. */
class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'bitswarm-demo-'))
  readonly #processes: SwarmProcess[] = []
  /** Rejected as soon as any process ends before it was told to. */
  readonly trouble: Promise<never>
  readonly #onTrouble: (reason: Error) => void
  #isStopping = false
  #leftover: string | undefined
  #screen: Screen | undefined

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>()
    this.trouble = promise
    this.trouble.catch(() => {})
    this.#onTrouble = reject
  }

  start(name: string, args: readonly string[]): SwarmProcess {
    const child = new SwarmProcess([...args, '-state-dir', join(this.folder, `state of ${name}`), '-quiet'], {
      name,
    })
    this.#processes.push(child)
    void this.#watch(child)
    return child
  }

  async #watch(child: SwarmProcess): Promise<void> {
    await child.exited
    if (!this.#isStopping) this.#onTrouble(new Error(child.epitaph))
  }

  /** Remembers a file that the demo creates outside its own folder, to remove it at the end. */
  willMake(path: string): void {
    if (!existsSync(path)) this.#leftover = path
  }

  openScreen(): Screen {
    return (this.#screen ??= openScreen(process.stdout))
  }

  /** @returns what went wrong while stopping */
  async stop(): Promise<string[]> {
    this.#isStopping = true
    this.#screen?.close()
    const codes = await Promise.all(
      this.#processes.map(async (child) => [child.name, await child.stop()] as const),
    )
    return codes
      .filter(([, code]) => code !== 0)
      .map(([name, code]) => `${name} stopped with exit code ${code}`)
  }

  /** The last resort, synchronous: leaves no process and no file behind. */
  clear(): void {
    for (const child of this.#processes) child.kill()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
    if (this.#leftover !== undefined) rmSync(this.#leftover, { force: true })
  }
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    options: { 'full-speed': { type: 'boolean' } },
    allowPositionals: true,
  })
  if (positionals.length > 1) throw new Error('the demo takes one file: npm run demo -- path/to/file')
  return {
    path: positionals[0] === undefined ? undefined : resolve(positionals[0]),
    isLimited: values['full-speed'] !== true,
  }
}

const say = (line = ''): void => void process.stdout.write(`${line}\n`)
const tick = (line: string): void => say(`  ${styleText('green', '✓')} ${line}`)
const label = (name: string, text: string): void => say(`  ${styleText('bold', name.padEnd(9))}  ${text}`)
const megabytes = (length: number): string => `${(length / MIB).toFixed(0)} MiB`

async function preparePayload(
  stage: Stage,
  path: string | undefined,
): Promise<{ payload: string; length: number }> {
  if (path !== undefined && !statSync(path, { throwIfNoEntry: false })?.isFile())
    throw new Error(`${path} is not a file`)
  const length = path === undefined ? DEMO_LENGTH : statSync(path).size
  if (length < MIN_LENGTH) throw new Error(`the demo needs a file of at least ${megabytes(MIN_LENGTH)}`)
  const needed = length * (path === undefined ? 3 : 2)
  if (freeSpace(stage.folder) < needed)
    throw new Error(`${tmpdir()} has no room for ${megabytes(needed)} (TMPDIR names another folder)`)
  if (path !== undefined) return { payload: path, length }
  const payload = join(stage.folder, 'payload.bin')
  await writeRandomFile(payload, length)
  return { payload, length }
}

async function listening(child: SwarmProcess, what: 'tcp' | 'dht'): Promise<string> {
  const line = await child.waitFor('listen', START_DEADLINE_MS)
  const endpoint = [line[what]].flat()[0]
  if (typeof endpoint !== 'string')
    throw new Error(`${child.name} names no ${what} address in its listen line`)
  return endpoint
}

/** What all nodes of the demo have in common. */
interface Swarm {
  readonly stage: Stage
  readonly payload: string
  readonly length: number
  /** Flags of the seeder and of every leecher. */
  readonly joining: readonly string[]
  /** Names of those that serve, by TCP endpoint. */
  readonly nameOf: Map<string, string>
}

interface Leecher {
  readonly child: SwarmProcess
  readonly progress: LeecherProgress
  readonly startedAt: number
}

async function play(stage: Stage, options: Options): Promise<void> {
  const { payload, length } = await preparePayload(stage, options.path)
  sayPlan(payload, length, options)
  const bootstrap = await startBootstrapNode(stage)
  const limit = options.isLimited ? ['-max-up', UPLOAD_LIMIT] : []
  const joining = ['-bootstrap', bootstrap, ...limit]
  const swarm: Swarm = { stage, payload, length, joining, nameOf: new Map() }
  await startSeeder(swarm)
  say()

  const screen = stage.openScreen()
  const first = await startLeecher(swarm, 1, screen)
  await first.child.waitFor(
    (line) => line.event === 'have' && 2 * Number(line['done']) >= Number(line['pieces']),
  )
  const second = await startLeecher(swarm, 2, screen)
  const [firstDone, secondDone] = await Promise.all([completed(first.child), completed(second.child)])
  screen.update(first.progress)
  screen.update(second.progress)
  screen.close()
  say()

  tick(`leecher 1 is complete after ${seconds(first.startedAt, firstDone)}: ${first.progress.origin}`)
  tick(`leecher 2 is complete after ${seconds(second.startedAt, secondDone)}: ${second.progress.origin}`)
  for (const source of ['seeder', 'leecher 1'])
    if (!second.progress.sources.includes(source))
      throw new Error(`leecher 2 got nothing from ${source}: ${second.progress.origin || 'no have lines'}`)
  await verifyCopies(swarm)
}

function sayPlan(payload: string, length: number, { path, isLimited }: Options): void {
  say(styleText('bold', 'bitswarm: one file, one bootstrap node, one seeder, two leechers, no server'))
  say()
  label('payload', `${megabytes(length)}${path === undefined ? ' of random bytes' : ''}, ${payload}`)
  label(
    'uploads',
    isLimited
      ? `limited to ${UPLOAD_LIMIT.replace('MiB', ' MiB')}/s each, so that you can watch (npm run demo -- --full-speed lifts this)`
      : 'not limited',
  )
}

/** @returns the endpoint to join through */
async function startBootstrapNode(stage: Stage): Promise<string> {
  const host = hostOf(1)
  const node = stage.start('bootstrap node', ['-dht-listen', `${host}:${await freePort(host)}`, '-no-lan'])
  const bootstrap = await listening(node, 'dht')
  label('dht', `${bootstrap}  a DHT node and nothing else`)
  return bootstrap
}

async function startSeeder({ stage, payload, joining, nameOf }: Swarm): Promise<void> {
  stage.willMake(`${payload}.bit`)
  const seeder = stage.start('seeder', ['-seed', payload, ...joining, ...(await addressFlags(2))])
  const endpoint = await listening(seeder, 'tcp')
  nameOf.set(endpoint, 'seeder')
  await seeder.waitFor('complete')
  label('seeder', `${endpoint}  has hashed the file and serves it`)
}

async function startLeecher(swarm: Swarm, index: number, screen: Screen): Promise<Leecher> {
  const { stage, payload, length, joining, nameOf } = swarm
  const startedAt = performance.now()
  const name = `leecher ${index}`
  const flags = ['-dest', folderOf(stage, index), '-keep', '-1', '-timeout', String(STALL_SECONDS)]
  const addresses = await addressFlags(2 + index)
  const child = stage.start(name, ['-get', `${payload}.bit`, ...flags, ...joining, ...addresses])
  const progress = new LeecherProgress(name, length)
  child.onEvent((line: EventLine) => {
    if (line.event === 'request') progress.onRequest()
    if (line.event !== 'have') return
    progress.onHave(sourceOf(nameOf, String(line['peer'])), Number(line['bytes']))
    screen.update(progress)
  })
  nameOf.set(await listening(child, 'tcp'), name)
  return { child, progress, startedAt }
}

async function addressFlags(index: number): Promise<string[]> {
  const host = hostOf(index)
  const address = `${host}:${await freePort(host)}`
  return ['-tcp-listen', address, '-dht-listen', address, '-no-lan']
}

function folderOf(stage: Stage, leecher: number): string {
  return join(stage.folder, `leecher-${leecher}`)
}

async function verifyCopies({ stage, payload }: Swarm): Promise<void> {
  const copies = [1, 2].map((index) => join(folderOf(stage, index), basename(payload)))
  const [digest, ...digests] = await Promise.all([payload, ...copies].map(sha256))
  for (const [index, other] of digests.entries())
    if (other !== digest)
      throw new Error(`the file of leecher ${index + 1} differs: SHA-256 ${other}, not ${digest}`)
  tick(`all three files have SHA-256 ${digest}`)
}

async function completed(child: SwarmProcess): Promise<number> {
  await child.waitFor('complete')
  return performance.now()
}

function seconds(from: number, to: number): string {
  return `${((to - from) / 1_000).toFixed(1)} s`
}

function sourceOf(nameOf: ReadonlyMap<string, string>, peer: string): string {
  const host = peer.slice(0, peer.lastIndexOf(':'))
  const byAddress = [...nameOf].filter(([endpoint]) => endpoint.startsWith(`${host}:`))
  return nameOf.get(peer) ?? (byAddress.length === 1 ? byAddress[0]![1] : peer)
}

function sayByHand(path: string | undefined): void {
  const file = path ?? 'payload.bin'
  const metainfo = `${file}.bit`
  say()
  say(styleText('bold', 'The same by hand, one terminal each:'))
  if (path === undefined) say('  head -c 256M /dev/urandom > payload.bin')
  say(`  1  ./bitswarm -dht-listen :10000`)
  say(`  2  ./bitswarm -seed ${quote(file)} -tcp-listen :20001 -bootstrap :10000`)
  say(`  3  ./bitswarm -get ${quote(metainfo)} -dest one -bootstrap :10000 -keep 60`)
  say(`  4  ./bitswarm -get ${quote(metainfo)} -dest two -bootstrap :10000`)
}

function quote(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll(`'`, `'\\''`)}'`
}

async function main(): Promise<number> {
  let stage: Stage | undefined
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)))
  })
  interrupted.catch(() => {})
  try {
    const options = readOptions()
    stage = new Stage()
    process.once('exit', () => stage?.clear())
    await Promise.race([play(stage, options), stage.trouble, interrupted])
    const complaints = await stage.stop()
    if (complaints.length > 0) throw new Error(complaints.join('; '))
    stage.clear()
    tick('all processes stopped cleanly, nothing is left behind')
    sayByHand(options.path)
    return 0
  } catch (error) {
    await stage?.stop()
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`${styleText('red', 'demo failed', { stream: process.stderr })}: ${message}\n`)
    return 1
  }
}

process.exitCode = await main()
