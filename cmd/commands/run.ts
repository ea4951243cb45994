/** `-seed`, `-get`, a bare metainfo file, or a DHT-only node: the commands that run until they are done or stopped. */
import { readConfig, type Config, type SettingName } from '../../src/app/config.ts'
import type { NodeEvent } from '../../src/app/event-level.ts'
import {
  encodeMagnet,
  readBlocklist,
  readSwarmKey,
  startNode,
  type AddSessionOptions,
  type Node,
  type NodeOptions,
  type Session,
} from '../../src/app/library.ts'
import { resolve } from '../../src/app/node/files.ts'
import { describeShortage } from '../../src/app/session-snapshot.ts'
import type { RawValue } from '../../src/app/setting-value.ts'
import { formatSummary } from '../../src/app/view.ts'
import type { Env } from '../env.ts'
import { EXIT_INTERRUPTED, EXIT_OK } from '../exit-code.ts'
import { inviteToDht, inviteToPayload } from '../invitation.ts'
import { Jobs } from '../job.ts'
import { live, unlessStopped, type Life } from '../lifecycle.ts'
import { tellMisspelt } from '../misspelt.ts'
import { progressOf, Screen } from '../screen.ts'
import { isMagnet } from '../source.ts'
import { stateDir } from '../state-dir.ts'
import { chooseTask, tellVain, type Task, type TaskOf } from '../task.ts'
import { Troubles } from '../troubles.ts'

const STATS_INTERVAL_MS = 10_000
/** Statistics of the DHT come with every sixth, once a minute. */
const STATS_PER_DHT_STATS = 6

/** @returns the exit code; undefined when the command line asks for nothing and the folder holds no metainfo */
export async function run(
  env: Env,
  flags: Readonly<Partial<Record<SettingName, RawValue>>>,
  positional: readonly string[],
): Promise<number | undefined> {
  const config = readConfig(flags, env.variables)
  const task = await chooseTask(config, { flags, positional }, env.cwd)
  if (task === undefined) return undefined
  const level = config.logLevel ?? (config.verbose ? 'debug' : 'info')
  const hints = [...tellVain(task, config, flags), ...tellMisspelt(env.variables)]
  return live(env, level, (life) => new Run(env, config, life).work(task, hints))
}

class Run {
  readonly #env: Env
  readonly #config: Config
  readonly #life: Life
  readonly #screen: Screen
  readonly #jobs: Jobs
  readonly #troubles: Troubles
  /** Seconds until everything was there, so that the summary does not count the seeding afterwards. */
  #completedAfter: number | undefined

  constructor(env: Env, config: Config, life: Life) {
    this.#env = env
    this.#config = config
    this.#life = life
    this.#screen = new Screen(env, { ...config, hasLog: true })
    this.#jobs = new Jobs(env, { config, life, screen: this.#screen })
    this.#troubles = new Troubles(config, (sentence) => this.#screen.say(sentence))
    life.onMessage = () => this.#screen.clear()
    // Until there is a session; hashing may take long.
    life.onClose = async () => this.#screen.clear()
  }

  /** @param hints what to say before anything else */
  async work(task: Task, hints: readonly string[]): Promise<string> {
    this.#screen.say(...hints)
    if (task.role === 'dht') return this.#serveDht(task)
    if (task.role === 'get') return this.#finish(task, await this.#get(task))
    try {
      return await this.#finish(task, await this.#seed(task))
    } catch (error) {
      throw this.#jobs.explainChanged(task, error)
    }
  }

  /** @returns why it is over */
  async #finish(task: Task, session: Session): Promise<string> {
    const { keep } = this.#config
    await unlessStopped(this.#life.signal, session.whenComplete())
    this.#life.codeWhenStopped = EXIT_OK
    this.#completedAfter = this.#life.uptimeSeconds()
    if (task.role === 'get' && keep === 0) return 'complete'
    const isForEver = keep === -1 || (task.role === 'seed' && keep === 0)
    await this.#serve(session, isForEver ? undefined : keep * 1_000)
    return `seeded for ${keep} s`
  }

  /** @throws what ends the session before its time is over */
  async #serve(session: Session, durationMs: number | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    void session.whenFailed().then(reject)
    if (durationMs !== undefined) this.#life.clock.after(durationMs, resolve)
    await unlessStopped(this.#life.signal, promise)
  }

  async #serveDht({ listen }: TaskOf<'dht'>): Promise<string> {
    this.#jobs.start('dht')
    const { bootstrap, dhtNet, lan } = this.#config
    const node = await startNode({
      ...(await this.#privacy()),
      dhtListen: listen,
      bootstrap,
      ...(dhtNet !== undefined && { dhtNet }),
      hasLan: lan,
      ...this.#state,
      isDhtChatty: this.#isDebugging,
      onEvent: (event) => this.#onEvent(event),
    })
    this.#watch(node)
    this.#invite(node)
    return this.#forEver()
  }

  async #seed(task: TaskOf<'seed'>): Promise<Session> {
    const { payload, voucher } = await this.#jobs.seed(task)
    const node = await this.#startNode(payload.metainfo.bootstrap)
    let { metainfo } = payload
    const { embedBootstrap } = this.#config
    if (embedBootstrap) metainfo = { ...metainfo, bootstrap: node.reachable.dht }
    const save = (): Promise<void> => this.#jobs.write(`${payload.path}.bit`, metainfo)
    // Metainfo that is newer than the files vouches for them: what is in doubt has to prove good before.
    const isInDoubt = payload.check === 'full'
    if (embedBootstrap && !isInDoubt) await save()
    const session = node.addSession({ ...payload, metainfo, ...this.#sessionOptions })
    this.#watch(node, session)
    await unlessStopped(this.#life.signal, session.whenComplete())
    if (embedBootstrap && isInDoubt) await save()
    if (voucher && isInDoubt) await this.#jobs.vouch(voucher)
    this.#invite(node, session)
    return session
  }

  async #get(task: TaskOf<'get'>): Promise<Session> {
    this.#life.codeWhenStopped = EXIT_INTERRUPTED
    if (isMagnet(task.source)) return this.#getMagnet(task)
    const metainfo = await this.#jobs.fetch(task)
    const payload = await this.#jobs.download(metainfo, task)
    const node = await this.#startNode(metainfo.bootstrap)
    const session = node.addSession({ ...payload, ...this.#sessionOptions })
    this.#watch(node, session)
    return session
  }

  async #getMagnet(task: TaskOf<'get'>): Promise<Session> {
    const magnet = this.#jobs.magnet(task.source)
    await this.#jobs.checkTarget(task)
    if (magnet.files) this.#screen.say('the link selects files (so=): this version downloads all of them')
    const node = await this.#startNode(magnet.bootstrap)
    const session = node.addMagnet(magnet, this.#sessionOptions)
    this.#watch(node, session)
    const metainfo = await unlessStopped(this.#life.signal, session.whenMetainfo())
    session.open(await this.#jobs.download(metainfo, task))
    return session
  }

  async #startNode(bootstrap: readonly string[]): Promise<Node> {
    const { tcpListen, port, dhtListen = ':0', dhtNet, maxPeers, maxUp, maxDown, blocklist } = this.#config
    return startNode({
      ...(await this.#privacy()),
      tcpListen: tcpListen ?? `:${port ?? 0}`,
      ...(dhtListen !== '' && { dhtListen }),
      bootstrap: [...this.#config.bootstrap, ...bootstrap],
      maxPeers,
      ...(dhtNet !== undefined && { dhtNet }),
      ...(maxUp !== undefined && { maxUp }),
      ...(maxDown !== undefined && { maxDown }),
      isLanLimited: this.#config.limitLan,
      hasLan: this.#config.lan,
      ...this.#state,
      ...(blocklist !== undefined && { filter: await readBlocklist(resolve(this.#env.cwd, blocklist)) }),
      isDhtChatty: this.#isDebugging,
      onEvent: (event) => this.#onEvent(event),
    })
  }

  #onEvent(event: NodeEvent): void {
    this.#life.emit(event)
    this.#troubles.onEvent(event)
  }

  /** What keeps others out of our DHT. */
  async #privacy(): Promise<Pick<NodeOptions, 'swarmKey'>> {
    const { swarmKey } = this.#config
    return swarmKey === undefined ? {} : { swarmKey: await readSwarmKey(resolve(this.#env.cwd, swarmKey)) }
  }

  get #sessionOptions(): Pick<AddSessionOptions, 'peers' | 'trackers' | 'strategy' | 'timeoutMs'> {
    const { peer, tracker, strategy, timeout } = this.#config
    return { peers: peer, trackers: tracker, strategy, timeoutMs: timeout * 1_000 }
  }

  get #state(): { readonly stateDir?: string } {
    const folder = stateDir(this.#config, this.#env)
    return folder === undefined ? {} : { stateDir: folder }
  }

  /** Tells people what to paste on another machine. */
  #invite(node: Node, session?: Session): void {
    if (this.#env.stderr.isTTY !== true) return
    const lines = session
      ? inviteToPayload(encodeMagnet(node.magnetOf(session)))
      : inviteToDht(node.reachable.dht, this.#config)
    this.#screen.say(...lines)
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
        ...residentBytes(this.#env),
        heapUsed: this.#env.heapUsed(),
        ...this.#env.activeResources(),
        uptimeSeconds: this.#life.uptimeSeconds(),
      })
      const isFetching = torrent?.state === 'waiting' || torrent?.state === 'downloading'
      if (isFetching && downRate < 1) {
        const shortage = describeShortage(torrent)
        if (peers === 0) this.#troubles.onNobodyThere(torrent.peers.length)
        else if (shortage !== undefined) this.#troubles.onShortage(shortage)
      }
      if (peers === 0) this.#troubles.onSolitude()
    }
    const dhtStats = (): void => {
      for (const family of node.snapshot().dht?.nodes ?? []) emit({ event: 'dht_stats', ...family })
    }
    let untilDhtStats = STATS_PER_DHT_STATS
    const everySoOften = (): void => {
      stats()
      if (--untilDhtStats === 0) {
        untilDhtStats = STATS_PER_DHT_STATS
        dhtStats()
      }
      cancelStats = clock.after(STATS_INTERVAL_MS, everySoOften)
    }
    let cancelStats = clock.after(STATS_INTERVAL_MS, everySoOften)
    const cancelProgress = session && this.#screen.follow(clock, () => progressOf(session))
    const allStats = (): void => {
      stats()
      dhtStats()
    }
    this.#life.onStats = allStats
    this.#life.onReannounce = () => {
      node.reannounce()
      allStats()
    }
    this.#life.onClose = async (hasFailed) => {
      cancelStats()
      cancelProgress?.()
      this.#screen.clear()
      const last = session && progressOf(session)
      await node.close()
      // After a failure the last line is the one that says why.
      if (!last || last.activity !== undefined || hasFailed) return
      this.#screen.say(formatSummary(last, this.#completedAfter ?? this.#life.uptimeSeconds()))
      if (this.#life.codeWhenStopped === EXIT_INTERRUPTED)
        this.#screen.say('start the same command again: it goes on from there')
    }
  }

  #forEver(): Promise<never> {
    return unlessStopped(this.#life.signal, new Promise<never>(() => {}))
  }
}

/** Left out when the system cannot say, as without a free descriptor. */
function residentBytes(env: Env): { rss?: number } {
  try {
    return { rss: env.rss() }
  } catch {
    return {}
  }
}
