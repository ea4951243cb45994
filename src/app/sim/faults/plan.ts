/** What goes wrong, and when: drawn from the seed, independent of what the swarm does. */
import type { Millis, Random } from '../../../protocol/ports.ts'
import type { DiskOperation } from '../../../storage/memory-disk.ts'
import type { SwarmPlan } from './scenario.ts'

/** Everything that goes wrong does so before this time; then all is repaired, and the swarm has to finish. */
export const FAULTS_END: Millis = 45_000

export type Fault =
  /** The process is killed (`kill -9`), or asked to stop; it starts again `forMs` later. */
  | { readonly kind: 'kill' | 'stop'; readonly forMs: Millis }
  /** The power fails for a time, and the disk loses this share of what was not synced. */
  | { readonly kind: 'power'; readonly lossPercent: number; readonly forMs: Millis }
  /** Every connection with another machine breaks. */
  | { readonly kind: 'reset'; readonly other: number }
  /** Nothing passes between these machines and the others. */
  | { readonly kind: 'partition'; readonly with: readonly number[]; readonly forMs: Millis }
  /** Only this many more bytes can be written. */
  | { readonly kind: 'full'; readonly freeBytes: number; readonly forMs: Millis }
  /** Operations of this kind fail. */
  | {
      readonly kind: 'disk'
      readonly operation: DiskOperation
      readonly code: 'disk.io' | 'disk.permission'
      readonly forMs: Millis
    }
  /** Every operation takes this long. */
  | { readonly kind: 'slow'; readonly latencyMs: Millis; readonly forMs: Millis }
  /**
   * At a byte of the payload: a bit changes silently, somebody writes something else and may date the file back, somebody
   * removes the file, or the medium cannot be read any more.
   */
  | { readonly kind: 'rot' | 'change' | 'remove' | 'bad-sector'; readonly at: number }
  /** Somebody sets the date. */
  | { readonly kind: 'date'; readonly byMs: number }
  /** The machine sleeps, cut off from the network, or the process is held up. */
  | { readonly kind: 'sleep' | 'freeze'; readonly forMs: Millis }

export interface PlannedFault {
  /** Counts from 1; keeps its value when other faults are left out. */
  readonly number: number
  readonly atMs: Millis
  readonly machine: number
  readonly fault: Fault
}

const MAX_FAULTS = 14

/** In the order of time. */
export function drawFaults(random: Random, swarm: SwarmPlan): PlannedFault[] {
  const faults: Omit<PlannedFault, 'number'>[] = []
  // Most runs have one kind of fault more than others.
  const favourite = KINDS[random.int(KINDS.length)]!
  for (let left = 1 + random.int(MAX_FAULTS); left > 0; left--) {
    const draw = random.int(3) === 0 ? favourite : KINDS[random.int(KINDS.length)]!
    const atMs = random.int(random.int(2) === 0 ? 12_000 : 0.75 * FAULTS_END)
    const machine = random.int(swarm.machines.length)
    const forMs = Math.min(FAULTS_END - atMs, duration(random))
    const fault = draw({ random, swarm, machine, forMs })
    if (fault !== undefined) faults.push({ atMs, machine, fault })
  }
  return faults.toSorted((a, b) => a.atMs - b.atMs).map((fault, index) => ({ number: index + 1, ...fault }))
}

/** Whether somebody who writes to this byte sets the file's time back afterwards: every other one does. */
export function isDatedBack(at: number): boolean {
  return at % 2 === 1
}

/** One line. */
export function describeFault({ number, atMs, machine, fault }: PlannedFault): string {
  const lasting = 'forMs' in fault ? ` for ${seconds(fault.forMs)}` : ''
  return `#${number} ${seconds(atMs)} machine ${machine}: ${describe(fault)}${lasting}`
}

interface Draw {
  readonly random: Random
  readonly swarm: SwarmPlan
  readonly machine: number
  readonly forMs: Millis
}

/** Each as likely as another. */
const KINDS: readonly ((draw: Draw) => Fault | undefined)[] = [
  ({ forMs }) => ({ kind: 'kill', forMs }),
  ({ forMs }) => ({ kind: 'kill', forMs }),
  ({ random, forMs }) => ({ kind: 'power', lossPercent: LOSSES[random.int(LOSSES.length)]!, forMs }),
  ({ random, forMs }) => ({ kind: 'power', lossPercent: LOSSES[random.int(LOSSES.length)]!, forMs }),
  ({ forMs }) => ({ kind: 'stop', forMs }),
  ({ random, swarm, machine }) => {
    const other = random.int(swarm.machines.length)
    return other === machine ? undefined : { kind: 'reset', other }
  },
  ({ random, swarm, machine, forMs }) => ({
    kind: 'partition',
    with: swarm.machines.map((_, index) => index).filter((index) => index !== machine && random.int(3) === 0),
    forMs,
  }),
  ({ random, forMs }) => ({ kind: 'full', freeBytes: random.int(8) * 16_384, forMs }),
  ({ random, forMs }) => ({
    kind: 'disk',
    operation: (['open', 'read', 'write', 'write', 'sync'] as const)[random.int(5)]!,
    code: random.int(4) === 0 ? 'disk.permission' : 'disk.io',
    forMs,
  }),
  ({ random, forMs }) => ({ kind: 'slow', latencyMs: [50, 500, 5_000, 30_000][random.int(4)]!, forMs }),
  // One machine has to keep the payload.
  ({ random, swarm, machine }) => {
    const kind = (['rot', 'change', 'remove', 'bad-sector'] as const)[random.int(4)]!
    return machine === 0 ? undefined : { kind, at: random.int(swarm.content.length) }
  },
  ({ random }) => ({ kind: 'date', byMs: (random.int(2) === 0 ? -1 : 1) * 10 ** (2 + random.int(8)) }),
  ({ forMs }) => ({ kind: 'sleep', forMs }),
  ({ forMs }) => ({ kind: 'freeze', forMs }),
]

/** In percent: few enough to escape a sample, half, or all. */
const LOSSES = [3, 10, 50, 100]

/** Most are short: 10 ms to 30 s, each order of magnitude as likely as another. */
function duration(random: Random): Millis {
  return Math.round(10 * 3_000 ** random.float())
}

function describe(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
      return 'killed, away'
    case 'power':
      return `power fails, ${fault.lossPercent} % of what was not synced is lost, away`
    case 'stop':
      return 'asked to stop, away'
    case 'reset':
      return `connections with machine ${fault.other} break`
    case 'partition':
      return fault.with.length === 0 ? 'cut off' : `cut off with machines ${fault.with.join(', ')}`
    case 'full':
      return `disk has room for ${fault.freeBytes} bytes`
    case 'disk':
      return `${fault.operation} fails with ${fault.code}`
    case 'slow':
      return `disk takes ${fault.latencyMs} ms`
    case 'rot':
      return `bit rot at byte ${fault.at} of the payload`
    case 'change':
      return `somebody writes to byte ${fault.at} of the payload${isDatedBack(fault.at) ? ', and dates it back' : ''}`
    case 'remove':
      return `somebody removes the file with byte ${fault.at} of the payload`
    case 'bad-sector':
      return `a bad sector at byte ${fault.at} of the payload`
    case 'date':
      return `date set by ${fault.byMs / 1_000} s`
    case 'sleep':
      return 'sleeps'
    case 'freeze':
      return 'process frozen'
  }
}

function seconds(ms: Millis): string {
  return `${(ms / 1_000).toFixed(3)} s`
}
