/** Runs one simulated swarm from start to end, with or without faults, and reports on its promises. */
import type { Hashes, Millis } from '../../../protocol/ports.ts'
import type { MemoryDisk, MemoryDiskOptions } from '../../../storage/memory-disk.ts'
import { EventLog } from '../dht/event-log.ts'
import { SeededRandom } from '../random.ts'
import type { Machine, MachineEvent } from './machine.ts'
import { Oracle, type Violation } from './oracle.ts'
import { drawFaults, FAULTS_END, type PlannedFault } from './plan.ts'
import { drawSwarm, type SwarmPlan } from './scenario.ts'
import { SwarmWorld } from './swarm-world.ts'

/** Once everything works, all must finish within this: the longest waits are for a dead connection and the next dial. */
const COMPLETION_LIMIT: Millis = 15 * 60_000
/** Time for what is still under way when all are complete. */
const SETTLE_TIME: Millis = 10_000
/** Of a machine that was stopped at an event. */
const AWAY_TIME: Millis = 1_000
/** Closing takes less, and nothing happens after it. */
const CLOSE_LIMIT: Millis = 10 * 60_000

export interface SwarmRunOptions {
  readonly seed: number
  readonly faults: readonly PlannedFault[]
  readonly hashes: Hashes
  readonly createDisk?: (options: MemoryDiskOptions) => MemoryDisk
  /** Whether whoever hears of this stops the machine there and then. It starts again a little later. */
  readonly isStoppedBy?: (machine: number, event: MachineEvent) => boolean
  /** Sees everything that is reported. */
  readonly onEvent?: (atMs: Millis, machine: number, event: MachineEvent) => void
}

export interface SwarmRun {
  readonly seed: number
  readonly swarm: SwarmPlan
  readonly faults: readonly PlannedFault[]
  readonly violation: Violation | undefined
  /** SHA-256 over every write to a connection and every report: equal for runs that did the same. */
  readonly trace: string
  /** Events of the simulation. */
  readonly events: number
  readonly virtualMs: Millis
}

/** The swarm of a seed, and its plan of faults. */
export function swarmOf(seed: number): SwarmPlan {
  return drawSwarm(new SeededRandom(seed).fork('swarm'))
}

export function faultsOf(seed: number, swarm: SwarmPlan): PlannedFault[] {
  return drawFaults(new SeededRandom(seed).fork('faults'), swarm)
}

export async function runSwarm(options: SwarmRunOptions): Promise<SwarmRun> {
  const run = new Run(options)
  await run.run()
  return run.result
}

class Run {
  readonly #options: SwarmRunOptions
  readonly #swarm: SwarmPlan
  readonly #world: SwarmWorld
  readonly #oracle: Oracle
  readonly #trace: EventLog
  readonly #mendAt: Millis

  constructor(options: SwarmRunOptions) {
    const { seed, faults, hashes, createDisk } = options
    this.#options = options
    this.#swarm = swarmOf(seed)
    this.#trace = new EventLog(hashes)
    this.#mendAt = faults.length === 0 ? 0 : FAULTS_END
    this.#world = new SwarmWorld({
      seed,
      plan: this.#swarm,
      hashes,
      ...(createDisk && { createDisk }),
      observer: {
        onEvent: (machine, event) => this.#onEvent(machine, event),
        onWrite: (machine, to, bytes) => {
          const other = this.#world.machineAt(to)
          this.#trace.record(this.#world.clock.now(), machine.index, other?.index ?? -1, bytes)
        },
        onSent: (machine, to, message) => this.#oracle.onSent(machine, to, message),
        onDown: (machine, how) => {
          if (machine.leftovers !== undefined) this.#oracle.fail('leaks', machine, machine.leftovers)
          this.#oracle.onDown(machine, how)
        },
        onDamaged: (machine, piece, kind) => this.#oracle.onDamaged(machine, piece, kind),
        onDisturbed: (machine) => this.#oracle.onDisturbed(machine),
      },
    })
    this.#oracle = new Oracle(this.#world)
    const { clock } = this.#world
    for (const { atMs, machine, fault } of faults) clock.after(atMs, () => this.#world.apply(machine, fault))
    if (faults.length === 0) this.#world.mend()
    else clock.after(FAULTS_END, () => this.#world.mend())
  }

  get result(): SwarmRun {
    const { seed, faults } = this.#options
    return {
      seed,
      swarm: this.#swarm,
      faults,
      violation: this.#oracle.violation,
      trace: this.#trace.digest,
      events: this.#oracle.steps,
      virtualMs: this.#world.clock.now(),
    }
  }

  async run(): Promise<void> {
    const { clock } = this.#world
    const deadline = this.#mendAt + COMPLETION_LIMIT
    await this.#until(() => clock.now() >= this.#mendAt && this.#oracle.isOver, deadline)
    this.#oracle.onLate()
    const settled = clock.now() + SETTLE_TIME
    await this.#until(() => clock.now() >= settled, settled)
    this.#oracle.checkBounds()
    this.#oracle.checkFiles()
    await this.#close()
  }

  /** Runs event after event, and checks each. Ends early when a promise is broken. */
  async #until(isDone: () => boolean, deadline: Millis): Promise<void> {
    const { clock, due, machines } = this.#world
    while (this.#oracle.violation === undefined && !isDone() && clock.now() <= deadline) {
      try {
        if (!clock.step()) return
        this.#oracle.onStep()
        for (const machine of machines) {
          if (machine.session?.state === 'failed') await this.#onFailed(machine)
          if (machine.isWaiting) await Promise.resolve()
        }
        if (due.size > 0) await this.#world.startDue()
      } catch (error) {
        if (!(error instanceof Error)) throw error
        this.#oracle.fail('no-exception', machines[0]!, error.stack ?? error.message)
      }
    }
  }

  async #onFailed(machine: Machine): Promise<void> {
    if (this.#world.isStopping(machine)) return
    this.#oracle.onFailed(machine, await machine.whyFailed())
    this.#world.restart(machine)
  }

  /** Stops every node; then nothing may be left of it. */
  async #close(): Promise<void> {
    const { clock, machines, streams } = this.#world
    let open = 0
    const nodes = machines.flatMap(({ node }) => (node === undefined ? [] : [node]))
    for (const node of nodes) {
      open++
      void node.close().then(() => open--)
    }
    const deadline = clock.now() + CLOSE_LIMIT
    while (this.#oracle.violation === undefined && clock.now() < deadline) {
      // Promises resolve between two events.
      for (let turn = 0; open > 0 && turn < 8; turn++) await Promise.resolve()
      if (!clock.step()) break
      this.#oracle.onStep()
    }
    const left = [
      open > 0 && `${open} nodes are not closed`,
      clock.now() >= deadline && 'timers go on',
      streams.streamCount > 0 && `${streams.streamCount} connections`,
      machines.some(({ socketCount }) => socketCount > 0) && 'UDP sockets',
      machines.some(({ stateCount }) => stateCount > 0) && 'open files of state',
      nodes.some((node) => node.snapshot().bufferBytes > 0) && 'buffers',
    ].filter((what) => what !== false)
    if (left.length > 0) this.#oracle.fail('leaks', machines[0]!, left.join(', '))
  }

  #onEvent(machine: Machine, event: MachineEvent): void {
    const now = this.#world.clock.now()
    this.#trace.record(now, machine.index, -1, 'piece' in event ? event.piece : 0)
    this.#options.onEvent?.(now, machine.index, event)
    this.#oracle.onEvent(machine, event)
    if (this.#options.isStoppedBy?.(machine.index, event))
      this.#world.apply(machine.index, { kind: 'stop', forMs: AWAY_TIME })
  }
}
