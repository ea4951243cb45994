/** Swarms under faults: promises are kept, whoever breaks one is caught, and what happened happens again. */
import { describe, expect, test } from 'vitest'
import { describeFault, drawFaults, FAULTS_END, type PlannedFault } from '../../../src/app/sim/faults/plan.ts'
import { faultsOf, runSwarm, swarmOf, type SwarmRun } from '../../../src/app/sim/faults/run-swarm.ts'
import { shrinkPlan } from '../../../src/app/sim/faults/shrink.ts'
import { MEETINGS } from '../../../src/app/sim/faults/scenario.ts'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import type { StorageError } from '../../../src/protocol/errors.ts'
import type { Cancel, Clock } from '../../../src/protocol/ports.ts'
import type { OpenMode, Payload, PayloadPlan } from '../../../src/storage/disk.ts'
import type { PathSpan } from '../../../src/storage/file-map.ts'
import { MemoryDisk, type MemoryDiskOptions } from '../../../src/storage/memory-disk.ts'
import { hashes } from '../../support/hashes.ts'

type CreateDisk = (options: MemoryDiskOptions) => MemoryDisk

function runSeed(seed: number, createDisk?: CreateDisk): Promise<SwarmRun> {
  return runSwarm({ seed, faults: faultsOf(seed, swarmOf(seed)), hashes, ...(createDisk && { createDisk }) })
}

/** Every machine loses its power again and again. */
function powerCuts(seed: number): PlannedFault[] {
  const { machines } = swarmOf(seed)
  const cuts = Array.from({ length: 2 * machines.length }, (_, index) => ({
    number: index + 1,
    atMs: 5_000 + 2_000 * index,
    machine: index % machines.length,
    fault: { kind: 'power', lossPercent: 50, forMs: 100 } as const,
  }))
  return cuts.filter(({ atMs }) => atMs < FAULTS_END)
}

/** What the oracle says of such disks, in the first runs in which it says anything. */
async function whatIsFound(
  createDisk: CreateDisk,
  runs: number,
  plan = (seed: number): PlannedFault[] => faultsOf(seed, swarmOf(seed)),
): Promise<SwarmRun[]> {
  const found: SwarmRun[] = []
  for (let seed = 1; seed <= 60 && found.length < runs; seed++) {
    const run = await runSwarm({ seed, faults: plan(seed), hashes, createDisk })
    if (run.violation !== undefined) found.push(run)
  }
  return found
}

describe('promises', () => {
  test.each([1, 2])('are kept in ten swarms with faults (batch %i)', async (batch) => {
    for (let seed = 10 * batch; seed < 10 * (batch + 1); seed++) {
      const { violation } = await runSeed(seed)
      expect(violation, `bitswarm simulate swarm -faults -seeds ${seed}`).toBeUndefined()
    }
  })

  test('are tried on swarms that meet in each way, from files and from links', () => {
    const swarms = Array.from({ length: 20 }, (_, index) => swarmOf(10 + index))
    const meetings = new Set(swarms.map(({ meeting }) => meeting))
    expect([...meetings].toSorted()).toEqual(Object.keys(MEETINGS).toSorted())
    expect(new Set(swarms.map(({ isPrivate }) => isPrivate)).size).toBe(2)
    expect(new Set(swarms.map(({ hasLink }) => hasLink)).size).toBe(2)
  })

  test('are kept in five swarms in which nothing goes wrong, which end sooner', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { violation, virtualMs } = await runSwarm({ seed, faults: [], hashes })
      expect(violation, `bitswarm simulate swarm -seeds ${seed}`).toBeUndefined()
      expect(virtualMs).toBeLessThan(10 * 60_000)
    }
  })
})

describe('a run', () => {
  test('is the same for the same seed, and another for another', async () => {
    const [first, again, other] = [await runSeed(11), await runSeed(11), await runSeed(12)]
    expect(again).toEqual(first)
    expect(other.trace).not.toBe(first.trace)
  })

  test('is another without faults, though the swarm is the same', async () => {
    const all = await runSeed(11)
    const none = await runSwarm({ seed: 11, faults: [], hashes })
    expect(none.swarm).toEqual(all.swarm)
    expect(none.trace).not.toBe(all.trace)
  })
})

describe('the oracle finds', () => {
  test('a disk that says `written` a second before it writes', async () => {
    const [run] = await whatIsFound((options) => new HastyDisk(options), 1)
    expect(run!.violation!.invariant).toBe('true-have')
  })

  test('a disk that reads a wrong byte now and then', async () => {
    const runs = await whatIsFound((options) => new MisreadingDisk(options), 3)
    expect(runs.map(({ violation }) => violation!.invariant)).toContain('true-block')
  })

  test('a disk that does not sync', async () => {
    const [run] = await whatIsFound((options) => new ForgetfulDisk(options), 1)
    expect(run!.violation!.invariant).toBe('durable-complete')
  })

  test('a record of pieces that were not synced, when the power fails', async () => {
    const [run] = await whatIsFound((options) => new BoastfulDisk(options), 1, powerCuts)
    expect(run!.violation!.invariant).toMatch(/true-record|true-have|nothing-lost/)
  })

  test('a check that finds everything good', async () => {
    const [run] = await whatIsFound((options) => new CredulousDisk(options), 1, powerCuts)
    expect(run!.violation!.invariant).toBe('true-record')
  })

  test('a memory that gets lost with the process', async () => {
    const [run] = await whatIsFound((options) => new AmnesicDisk(options), 1)
    expect(run!.violation!.invariant).toBe('nothing-forgotten')
  })

  test('a lock that outlives its process', async () => {
    const [run] = await whatIsFound((options) => new LockedDisk(options), 1)
    expect(run!.violation!.invariant).toBe('no-failure')
  })
})

describe('a plan', () => {
  test('is made as small as it can be: what is left is needed', async () => {
    const createDisk: CreateDisk = (options) => new CredulousDisk(options)
    const [{ seed, faults, violation }] = (await whatIsFound(createDisk, 1, powerCuts)) as [SwarmRun]
    const fails = async (fewer: readonly PlannedFault[]): Promise<boolean> => {
      const again = await runSwarm({ seed, faults: fewer, hashes, createDisk })
      return again.violation?.invariant === violation!.invariant
    }
    const smallest = await shrinkPlan(faults, fails)
    expect(smallest.length).toBeLessThan(faults.length / 2)
    expect(await fails(smallest)).toBe(true)
    for (const fault of smallest) expect(await fails(smallest.filter((other) => other !== fault))).toBe(false)
  })

  test('that needs two of its faults keeps both, whatever it is left without first', async () => {
    const faults = faultsOf(11, swarmOf(11))
    const needed = [faults[0]!, faults.at(-1)!]
    const fails = (fewer: readonly PlannedFault[]): Promise<boolean> =>
      Promise.resolve(needed.every((fault) => fewer.includes(fault)))
    expect(await shrinkPlan(faults, fails)).toEqual(needed)
  })

  test('says in one line a fault when, where and what happens', () => {
    const at = { number: 1, atMs: 12_345, machine: 2 }
    const fault = { kind: 'disk', operation: 'write', code: 'disk.io', forMs: 3_000 } as const
    expect(describeFault({ ...at, fault })).toBe(
      '#1 12.345 s machine 2: write fails with disk.io for 3.000 s',
    )
  })

  test('of some seed has every kind of fault, all end in time, and nobody touches the files of the first', () => {
    const faults = Array.from({ length: 100 }, (_, seed) =>
      drawFaults(new SeededRandom(seed), swarmOf(seed)),
    ).flat()
    const kinds = new Set(faults.map(({ fault }) => fault.kind))
    expect([...kinds].toSorted()).toEqual(
      'bad-sector change date disk freeze full kill partition power remove reset rot sleep slow stop'.split(
        ' ',
      ),
    )
    for (const { atMs, machine, fault } of faults) {
      expect(atMs + ('forMs' in fault ? fault.forMs : 0)).toBeLessThanOrEqual(FAULTS_END)
      expect(machine === 0 && 'at' in fault).toBe(false)
    }
  })
})

/** It holds pieces back; the small files beside the payload are written at once. */
class HastyDisk extends MemoryDisk {
  readonly #options: MemoryDiskOptions

  constructor(options: MemoryDiskOptions) {
    super(options)
    this.#options = options
  }

  override writeSpans(spans: readonly PathSpan[], data: Uint8Array): StorageError | undefined {
    if (data.length < 1_000) return super.writeSpans(spans, data)
    const held = data.slice()
    this.#options.clock.after(1_000, () => super.writeSpans(spans, held))
    return undefined
  }
}

/** It is sound while most machines start, and look at what they have. */
class MisreadingDisk extends MemoryDisk {
  readonly #clock: Clock

  constructor(options: MemoryDiskOptions) {
    super(options)
    this.#clock = options.clock
  }

  override readSpans(spans: readonly PathSpan[], into: Uint8Array): StorageError | undefined {
    const error = super.readSpans(spans, into)
    if (this.#clock.now() > 5_000 && this.chance(50) === 0) into[0]! ^= 1
    return error
  }
}

class ForgetfulDisk extends MemoryDisk {
  override syncFiles(): undefined {}
}

/** As {@link ForgetfulDisk}, and nobody can see it before the power fails. */
class BoastfulDisk extends ForgetfulDisk {
  override isDurable(): boolean {
    return true
  }
}

class CredulousDisk extends MemoryDisk {
  #digests: Uint8Array = new Uint8Array(0)

  override open(plan: PayloadPlan, mode: OpenMode, done: (result: Payload | StorageError) => void): void {
    this.#digests = plan.digests
    super.open(plan, mode, done)
  }

  override hashPieces(...[map, pieces, { onDigest, done }]: Parameters<MemoryDisk['hashPieces']>): Cancel {
    const goodOf = (piece: number): Uint8Array => this.#digests.subarray(20 * piece, 20 * (piece + 1))
    return super.hashPieces(map, pieces, { onDigest: (piece) => onDigest(piece, goodOf(piece)), done })
  }
}

class AmnesicDisk extends MemoryDisk {
  override kill(): void {
    super.kill()
    for (const path of this.fileNames()) if (path.includes('bitswarm-notes')) this.removeFile(path)
  }
}

class LockedDisk extends MemoryDisk {
  override kill(): void {
    super.kill()
    this.setFault('open', 'disk.locked')
  }
}
