/** `-seed`, `-get`, a bare metainfo file, or a DHT-only node: the commands that go on until they are done or stopped. */
import { readConfig, type Config, type RawValue, type SettingName } from '../../src/app/config.ts'
import {
  createMetainfo,
  encodeBit,
  readMetainfo,
  startNode,
  toHex,
  type Metainfo,
  type Node,
  type Session,
} from '../../src/app/library.ts'
import {
  endsInSeparator,
  exists,
  isAnyNewer,
  isFolder,
  join,
  replaceFile,
  resolve,
} from '../../src/app/node/files.ts'
import { VERSION } from '../../src/app/version.ts'
import { formatSummary, type Progress } from '../../src/app/view.ts'
import type { Env } from '../env.ts'
import { EXIT_INTERRUPTED, EXIT_OK } from '../exit-code.ts'
import { live, unlessStopped, type Life } from '../lifecycle.ts'
import { IDLE, Screen } from '../screen.ts'
import { chooseTask, type Task } from '../task.ts'

const STATS_INTERVAL_MS = 10_000

type TaskOf<Role extends Task['role']> = Extract<Task, { role: Role }>

/** What is to be served or fetched, and where it lies. */
interface Job {
  readonly metainfo: Metainfo
  readonly path: string
  readonly mode: 'seed' | 'download'
  readonly check: 'none' | 'sample' | 'full'
}

/** @returns the exit code; undefined when the command line asks for nothing and the folder holds no metainfo */
export async function run(
  env: Env,
  flags: Readonly<Partial<Record<SettingName, RawValue>>>,
  positional: readonly string[],
): Promise<number | undefined> {
  const config = readConfig(flags, env.variables)
  const task = await chooseTask(config, positional, env.cwd)
  if (task === undefined) return undefined
  const level = config.logLevel ?? (config.verbose ? 'debug' : 'info')
  return live(env, level, (life) => new Run(env, config, life).work(task))
}

class Run {
  readonly #env: Env
  readonly #config: Config
  readonly #life: Life
  readonly #screen: Screen

  constructor(env: Env, config: Config, life: Life) {
    this.#env = env
    this.#config = config
    this.#life = life
    this.#screen = new Screen(env, config)
    life.onMessage = () => this.#screen.clear()
  }

  async work(task: Task): Promise<string> {
    if (task.role === 'dht') return this.#serveDht(task)
    const job = task.role === 'seed' ? await this.#prepareSeed(task) : await this.#prepareGet(task)
    const { keep, peer, strategy, timeout } = this.#config
    const node = await this.#startNode(job.metainfo)
    const session = node.addSession({ ...job, peers: peer, strategy, timeoutMs: timeout * 1_000 })
    this.#watch(node, session)
    await unlessStopped(this.#life.signal, session.whenComplete())
    this.#life.codeWhenStopped = EXIT_OK
    if (task.role === 'get' && keep === 0) return 'complete'
    if (keep === -1 || (task.role === 'seed' && keep === 0)) return this.#forEver()
    const { promise, resolve: over } = Promise.withResolvers<void>()
    this.#life.clock.after(keep * 1_000, over)
    await unlessStopped(this.#life.signal, promise)
    return `seeded for ${keep} s`
  }

  async #serveDht({ listen }: TaskOf<'dht'>): Promise<string> {
    this.#start('dht')
    const { bootstrap, dhtNet } = this.#config
    const node = await startNode({
      dhtListen: listen,
      bootstrap,
      ...(dhtNet !== undefined && { dhtNet }),
      isDhtChatty: this.#isDebugging,
      onEvent: (event) => this.#life.emit(event),
    })
    this.#watch(node)
    return this.#forEver()
  }

  async #prepareSeed(task: TaskOf<'seed'>): Promise<Job> {
    const path = resolve(this.#env.cwd, task.path)
    const metainfoPath = `${path}.bit`
    if (await exists(metainfoPath)) {
      const metainfo = await this.#read(metainfoPath, 'seed')
      if (this.#config.pieceLength !== undefined)
        this.#screen.say(`${metainfoPath} is there already: -piece-length has no effect`)
      const files = metainfo.geometry.files.map((file) => join(path, ...file.path))
      // What was touched since the metainfo was made is read again, all of it.
      const check = (await isAnyNewer(metainfoPath, files)) ? 'full' : 'sample'
      return { metainfo, path, mode: 'seed', check }
    }
    this.#start('seed')
    const metainfo = await createMetainfo(path, {
      pieceLength: this.#config.pieceLength,
      signal: this.#life.signal,
      onProgress: (bytesHave: number, length: number) =>
        this.#screen.show({ ...IDLE, name: task.path, length, bytesHave, activity: 'hashing' }),
    })
    this.#screen.clear()
    await replaceFile(metainfoPath, encodeBit(metainfo))
    const { name, geometry, infoHash } = metainfo
    this.#life.emit({
      event: 'metainfo_written',
      path: metainfoPath,
      infoHash: toHex(infoHash),
      name,
      length: geometry.length,
      pieceLength: geometry.pieceLength,
      pieces: geometry.pieceCount,
    })
    return { metainfo, path, mode: 'seed', check: 'none' }
  }

  async #prepareGet(task: TaskOf<'get'>): Promise<Job> {
    this.#life.codeWhenStopped = EXIT_INTERRUPTED
    const metainfo = await this.#read(resolve(this.#env.cwd, task.metainfo), 'get')
    const folder = resolve(this.#env.cwd, this.#config.dest)
    let path = join(folder, metainfo.name)
    if (task.target !== undefined) {
      const target = resolve(folder, task.target)
      const isInside = endsInSeparator(task.target) || (await isFolder(target))
      path = isInside ? join(target, metainfo.name) : target
    }
    return { metainfo, path, mode: 'download', check: 'full' }
  }

  /** Reads metainfo and says `start`, which names the torrent when it can be read at all. */
  async #read(path: string, role: 'seed' | 'get'): Promise<Metainfo> {
    let metainfo: Metainfo | undefined
    try {
      metainfo = await readMetainfo(path)
      return metainfo
    } finally {
      this.#start(role, metainfo)
    }
  }

  #start(role: Task['role'], metainfo?: Metainfo): void {
    const { pid, nodeVersion } = this.#env
    const torrent = metainfo && { infoHash: toHex(metainfo.infoHash), name: metainfo.name }
    this.#life.emit({ event: 'start', version: VERSION, role, node: nodeVersion, pid, ...torrent })
  }

  #startNode(metainfo: Metainfo): Promise<Node> {
    const { tcpListen, port, dhtListen = ':0', bootstrap, dhtNet, maxPeers, maxUp, maxDown } = this.#config
    return startNode({
      tcpListen: tcpListen ?? `:${port ?? 0}`,
      ...(dhtListen !== '' && { dhtListen }),
      bootstrap: [...bootstrap, ...metainfo.bootstrap],
      maxPeers,
      ...(dhtNet !== undefined && { dhtNet }),
      ...(maxUp !== undefined && { maxUp }),
      ...(maxDown !== undefined && { maxDown }),
      isDhtChatty: this.#isDebugging,
      onEvent: (event) => this.#life.emit(event),
    })
  }

  get #isDebugging(): boolean {
    const { logLevel, verbose } = this.#config
    return logLevel === undefined ? verbose : logLevel === 'debug' || logLevel === 'trace'
  }

  /** Statistics and progress, from now on until the end. */
  #watch(node: Node, session?: Session): void {
    const { clock, emit } = this.#life
    const stats = (): void => {
      const { downloaded, uploaded, downRate, upRate, peers, dht } = node.snapshot()
      const torrent = session?.snapshot()
      emit({
        event: 'stats',
        downloaded,
        uploaded,
        downRate: Math.round(downRate),
        upRate: Math.round(upRate),
        peers,
        ...(torrent?.pieces !== undefined && { have: torrent.have, pieces: torrent.pieces }),
        ...(dht && { dhtContacts: dht.nodes.reduce((sum, { contacts }) => sum + contacts, 0) }),
        rss: this.#env.rss(),
        uptimeSeconds: this.#life.uptimeSeconds(),
      })
    }
    const everySoOften = (): void => {
      stats()
      cancelStats = clock.after(STATS_INTERVAL_MS, everySoOften)
    }
    let cancelStats = clock.after(STATS_INTERVAL_MS, everySoOften)
    const cancelProgress = session && this.#screen.follow(clock, () => progressOf(session))
    this.#life.onStats = stats
    this.#life.onReannounce = () => {
      node.reannounce()
      stats()
    }
    this.#life.onClose = async (hasFailed) => {
      cancelStats()
      cancelProgress?.()
      this.#screen.clear()
      const last = session && progressOf(session)
      await node.close()
      // After a failure the last line is the one that says why.
      if (last && last.activity === undefined && !hasFailed)
        this.#screen.say(formatSummary(last, this.#life.uptimeSeconds()))
    }
  }

  #forEver(): Promise<never> {
    return unlessStopped(this.#life.signal, new Promise<never>(() => {}))
  }
}

function progressOf(session: Session): Progress {
  const { name = '', length = 1, bytesHave, checked, peers, connected, ...rest } = session.snapshot()
  return {
    ...rest,
    name,
    length,
    connectedPeers: connected,
    knownPeers: peers.length,
    bytesHave: checked ? (length * checked.done) / Math.max(1, checked.total) : bytesHave,
    ...(rest.state === 'opening' && { activity: 'checking' }),
  }
}
