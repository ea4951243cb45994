/** A simulated swarm with faults in which machines are stopped in the middle of whatever tells an event. */
import { expect } from 'vitest'
import type { MachineEvent } from '../../../src/app/sim/faults/machine.ts'
import { faultsOf, runSwarm, swarmOf } from '../../../src/app/sim/faults/run-swarm.ts'
import { hashes } from '../../support/hashes.ts'

type Name = MachineEvent['event']

/**
 * Stops each machine at its first event of each name, and expects that all promises are kept.
 *
 * @param among those names; any when missing
 * @returns those at which a machine was stopped
 */
export async function stopAtEvents(seed: number, among?: readonly Name[]): Promise<ReadonlySet<Name>> {
  const heard = new Map<number, Set<Name>>()
  const { violation } = await runSwarm({
    seed,
    faults: faultsOf(seed, swarmOf(seed)),
    hashes,
    isStoppedBy: (machine, { event }) => {
      const names = heard.get(machine) ?? new Set()
      if (names.has(event) || among?.includes(event) === false) return false
      heard.set(machine, names.add(event))
      return true
    },
  })
  expect(violation, `seed ${seed}`).toBeUndefined()
  return new Set([...heard.values()].flatMap((names) => [...names]))
}
