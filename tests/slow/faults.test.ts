/** Many simulated swarms under faults. Ten thousand: `bitswarm simulate swarm -faults -seeds 1-10000`. */
import { expect, test } from 'vitest'
import { faultsOf, runSwarm, swarmOf } from '../../src/app/sim/faults/run-swarm.ts'
import { hashes } from '../support/hashes.ts'

const SEEDS_PER_BATCH = 100

test.each([1, 2, 3, 4, 5])('a hundred swarms keep their promises under faults (batch %i)', async (batch) => {
  for (let seed = SEEDS_PER_BATCH * batch; seed < SEEDS_PER_BATCH * (batch + 1); seed++) {
    const { violation } = await runSwarm({ seed, faults: faultsOf(seed, swarmOf(seed)), hashes })
    expect(violation, `bitswarm simulate swarm -faults -seeds ${seed}`).toBeUndefined()
  }
})
