/** The machines of a simulated swarm and their network, and the hand that breaks and repairs them. */
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import type { Hashes, Millis } from '../../../protocol/ports.ts'
import { PAGE_BYTES } from '../../../storage/memory-file.ts'
import { MemoryDisk, type DiskOperation, type MemoryDiskOptions } from '../../../storage/memory-disk.ts'
import { SimClock } from '../clock.ts'
import { SimDatagramNetwork } from '../datagram-network.ts'
import { SeededRandom } from '../random.ts'
import { SimStreams } from '../stream-network.ts'
import { SimLan } from './lan.ts'
import { Machine, STOP_TIMEOUT, type Ending, type MachineObserver } from './machine.ts'
import { MachineClock } from './machine-clock.ts'
import { NetworkCuts } from './network-cuts.ts'
import { layFiles, metainfoOf } from './payload.ts'
import { isDatedBack, type Fault } from './plan.ts'
import type { SwarmPlan } from './scenario.ts'
import { SERVERS, SimServers } from './servers.ts'

export type Damage = 'rot' | 'change' | 'remove' | 'bad-sector'

export interface SwarmWorldOptions {
  readonly seed: number
  readonly plan: SwarmPlan
  readonly hashes: Hashes
  /** Makes a disk of another kind. */
  readonly createDisk?: (options: MemoryDiskOptions) => MemoryDisk
  readonly observer: MachineObserver & {
    /** What lies on the machine's disk there, or does not, is not what the machine wrote. */
    onDamaged(machine: Machine, piece: number, kind: Damage): void
    /** Reading, writing or keeping time is not what it should be, from now on or until now. */
    onDisturbed(machine: Machine): void
  }
}

/** How long a process that ended by itself stays away before somebody starts it again. */
const RESTART_DELAY: Millis = 5_000
const PATH = '/data/payload'
/** Of a hundred datagrams two are lost, two come twice, and two are held up. */
const DATAGRAM_WEATHER = { sigma: 0.3, jitter: 0.05, loss: 0.02, duplication: 0.02, reordering: 0.02 }
const OPERATIONS: readonly DiskOperation[] = ['open', 'read', 'write', 'sync']

export class SwarmWorld {
  readonly clock: SimClock = new SimClock()
  readonly streams: SimStreams
  readonly metainfo: Metainfo
  readonly machines: readonly Machine[]
  /** Down, and to be started in the next turn. */
  readonly due = new Set<Machine>()
  readonly #options: SwarmWorldOptions
  readonly #cuts: NetworkCuts
  readonly #servers: SimServers
  /** Down, or on its way there: when it may start again. */
  readonly #awayUntil = new Map<Machine, Millis>()
  readonly #joins = new Set<() => void>()

  constructor(options: SwarmWorldOptions) {
    const { seed, plan, hashes, createDisk = (of) => new MemoryDisk(of) } = options
    const random = new SeededRandom(seed)
    this.#options = options
    this.streams = new SimStreams({
      clock: this.clock,
      random: random.fork('network'),
      latency: plan.latencyMs,
    })
    this.#cuts = new NetworkCuts(this.streams)
    const datagrams = new SimDatagramNetwork(this.clock, {
      seed,
      weather: { ...DATAGRAM_WEATHER, medianRttMs: 2 * plan.latencyMs },
      hashes,
    })
    const lan = new SimLan({
      clock: this.clock,
      random: random.fork('lan'),
      latencyMs: plan.latencyMs,
      isCutOff: (a, b) => this.streams.isPartitioned(a, b),
    })
    this.metainfo = metainfoOf(plan, hashes)
    this.#servers = new SimServers({
      clock: this.clock,
      random: random.fork('servers'),
      plan,
      metainfo: this.metainfo,
      datagrams,
      isCutOff: (a, b) => this.streams.isPartitioned(a, b),
    })
    this.machines = plan.machines.map((machinePlan, index) => {
      const own = random.fork(`machine ${index}`)
      const clock = new MachineClock(this.clock)
      const disk = createDisk({ clock, random: own.fork('disk'), hashes })
      disk.latencyMs = machinePlan.diskLatencyMs
      const machine = new Machine({
        index,
        plan: machinePlan,
        host: this.streams.host(hostOf(index), machinePlan),
        datagrams,
        lan,
        isCutOff: (from) => this.streams.isPartitioned(hostOf(index), from),
        clock,
        disk,
        random: own,
        hashes,
        openHttp: (ofProcess) => this.#servers.openHttp(ofProcess, hostOf(index)),
        metainfo: this.metainfo,
        path: PATH,
        knows: machinePlan.knows.map(hostOf),
        meeting: plan.meeting,
        hasLink: plan.hasLink,
        observer: options.observer,
      })
      layFiles(machine, plan.content)
      return machine
    })
    for (const machine of this.machines) this.#stayAway(machine, machine.options.plan.startsAt)
  }

  /** The right bytes of a piece. */
  contentOf(piece: number): Uint8Array {
    const { pieceLength } = this.metainfo.geometry
    return this.#options.plan.content.subarray(piece * pieceLength, (piece + 1) * pieceLength)
  }

  get isWebLying(): boolean {
    return this.#options.plan.web?.isLying ?? false
  }

  /** Everybody knows that the torrent is private; from a link alone nobody does. */
  get isPrivate(): boolean {
    return this.metainfo.isPrivate && !this.#options.plan.hasLink
  }

  machineAt(host: string): Machine | undefined {
    return this.machines.find(({ options }) => options.host.address === host)
  }

  /** Starts machines that are due. Time stands still. */
  async startDue(): Promise<void> {
    for (const machine of this.due) {
      this.due.delete(machine)
      this.#awayUntil.delete(machine)
      await machine.start()
    }
  }

  /** A node that failed ends, and its user starts it again. */
  restart(machine: Machine): void {
    this.#end(machine, 'exit', RESTART_DELAY)
  }

  /** Whether somebody has asked it to stop. */
  isStopping(machine: Machine): boolean {
    return this.#awayUntil.has(machine)
  }

  apply(index: number, fault: Fault): void {
    const machine = this.machines[index]!
    const { disk, clock, plan } = machine.options
    const { observer } = this.#options
    const lasting = (forMs: Millis, mend: () => void): void => {
      observer.onDisturbed(machine)
      this.clock.after(forMs, () => {
        observer.onDisturbed(machine)
        mend()
      })
    }
    switch (fault.kind) {
      case 'kill':
        return this.#end(machine, 'kill', fault.forMs)
      case 'power': {
        const join = this.#cutOff([index])
        this.clock.after(fault.forMs, join)
        return this.#end(machine, 'power', fault.forMs, fault.lossPercent)
      }
      case 'stop':
        if (this.#awayUntil.has(machine) || machine.node === undefined) return
        machine.stop()
        this.#awayUntil.set(machine, Infinity)
        this.clock.after(STOP_TIMEOUT, () => {
          if (this.#awayUntil.get(machine) === Infinity) this.#end(machine, 'exit', fault.forMs)
        })
        return
      case 'reset':
        return this.streams.reset(hostOf(index), hostOf(fault.other))
      case 'partition':
        this.clock.after(fault.forMs, this.#cutOff([index, ...fault.with]))
        return
      case 'full':
        disk.freeBytes = fault.freeBytes
        return lasting(fault.forMs, () => (disk.freeBytes = Number.MAX_SAFE_INTEGER))
      case 'disk':
        disk.setFault(fault.operation, fault.code)
        return lasting(fault.forMs, () => disk.setFault(fault.operation))
      case 'slow':
        disk.latencyMs = fault.latencyMs
        return lasting(fault.forMs, () => (disk.latencyMs = plan.diskLatencyMs))
      case 'rot':
      case 'change':
      case 'remove':
      case 'bad-sector':
        return this.#damage(machine, fault.kind, fault.at)
      case 'date':
        return clock.shiftDate(fault.byMs)
      case 'sleep': {
        clock.standStill('sleep')
        const join = this.#cutOff([index])
        return lasting(fault.forMs, () => {
          clock.goOn()
          join()
        })
      }
      case 'freeze':
        clock.standStill('freeze')
        return lasting(fault.forMs, () => clock.goOn())
    }
  }

  /** Everything works again, and everybody comes back. */
  mend(): void {
    this.#servers.mend()
    for (const join of [...this.#joins]) join()
    for (const machine of this.machines) {
      const { disk, clock, plan } = machine.options
      for (const operation of OPERATIONS) disk.setFault(operation)
      disk.freeBytes = Number.MAX_SAFE_INTEGER
      disk.latencyMs = plan.diskLatencyMs
      clock.goOn()
    }
  }

  // oxlint-disable-next-line max-params
  #end(machine: Machine, how: Ending, forMs: Millis, lossPercent = 0): void {
    // It is away already: of a power failure its disk feels something all the same.
    if (machine.node !== undefined || how === 'power') machine.end(how, lossPercent)
    this.due.delete(machine)
    this.#stayAway(machine, forMs)
  }

  #stayAway(machine: Machine, forMs: Millis): void {
    const until = this.clock.now() + forMs
    const before = this.#awayUntil.get(machine)
    this.#awayUntil.set(
      machine,
      before === undefined || before === Infinity ? until : Math.max(before, until),
    )
    this.clock.after(forMs, () => {
      if (this.clock.now() >= (this.#awayUntil.get(machine) ?? Infinity)) this.due.add(machine)
    })
  }

  #cutOff(indices: readonly number[]): () => void {
    const side = indices.map(hostOf)
    const others = this.machines.map(({ index }) => hostOf(index)).filter((host) => !side.includes(host))
    const heal = this.#cuts.cut(side, [...others, ...SERVERS])
    const join = (): void => {
      if (this.#joins.delete(join)) heal()
    }
    this.#joins.add(join)
    return join
  }

  #damage(machine: Machine, kind: Damage, at: number): void {
    const { geometry } = this.metainfo
    const piece = Math.floor(at / geometry.pieceLength)
    // A missing file, a hole or padding cannot be damaged.
    if (machine.lookAt(piece)?.some((byte) => byte !== 0) !== true) return
    const [span] = machine.files.spans(piece, at - piece * geometry.pieceLength, 1)
    const { path, offset } = span!
    if (path === undefined) return
    machine.mayOverwrite = true
    const { disk } = machine.options
    const report = (damaged: number): void => this.#options.observer.onDamaged(machine, damaged, kind)
    if (kind === 'remove') {
      const file = geometry.files.findIndex((_, index) => machine.files.pathOf(index) === path)
      const [first, end] = geometry.piecesOf(file)
      for (let each = first; each < end; each++) report(each)
      return disk.removeFile(path)
    }
    if (kind === 'rot') disk.flipBit(path, offset, at % 8)
    else if (kind === 'bad-sector') disk.spoil(path, offset)
    else {
      const { modifiedAt } = disk.stat(path)!
      const wrong = Uint8Array.of(this.contentOf(piece)[at % geometry.pieceLength]! ^ 1)
      if (disk.writeSpans([span!], wrong) !== undefined) return
      if (isDatedBack(at)) disk.setTime(path, modifiedAt)
    }
    // Pieces share a sector.
    const reach = kind === 'bad-sector' ? PAGE_BYTES : 0
    const last = Math.min(geometry.length - 1, at + reach)
    for (
      let each = Math.floor(Math.max(0, at - reach) / geometry.pieceLength);
      each * geometry.pieceLength <= last;
      each++
    )
      report(each)
  }
}

function hostOf(index: number): string {
  return `10.0.0.${index + 1}`
}
