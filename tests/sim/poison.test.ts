/** Whole downloads from swarms in which some lie: they end, the liars are banned and nobody else, and the cost is bounded. */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { MAX_CONVICTIONS_PER_ADDRESS } from '../../src/peer/ban-list.ts'
import { MAX_PAROLE_PIECES } from '../../src/peer/parole.ts'
import { MANNERS, randomScripts } from './poison-scripts.ts'
import { poisonedSwarm, type Damage, type PoisonedSwarm } from './poisoned-swarm.ts'

const MIB = 2 ** 20
/** Pieces of 16 blocks, for each of which a peer takes five seconds. */
const SMALL = { payloadBytes: 6 * MIB, pieceLength: MIB / 4, up: 50_000 }

function expectJustice(damage: Damage, { scripts }: Pick<PoisonedSwarm, 'scripts'>): void {
  expect(damage.isIdentical).toBe(true)
  expect(damage.falseBans).toEqual([])
  expect(damage.unsolved).toBe(0)
  // What held bad blocks at the first verdict, and one piece that each sent alone on parole.
  expect(damage.failed).toBeLessThanOrEqual(damage.heldAtFirst + scripts.length)
}

describe('one of ten peers', () => {
  test.each(MANNERS.filter(({ poisoners }) => poisoners === 1))('who sends: $name', async ({ scripts }) => {
    const swarm = { ...SMALL, seed: 3, scripts: scripts(new SeededRandom(3)) }
    const damage = await poisonedSwarm(swarm)
    expectJustice(damage, swarm)
    expect(damage.failed).toBeLessThanOrEqual(MAX_PAROLE_PIECES)
  })
})

describe('of ten peers', () => {
  test.each(MANNERS.filter(({ poisoners }) => poisoners > 1))('$name', async ({ scripts }) => {
    const swarm = { ...SMALL, seed: 4, scripts: scripts(new SeededRandom(4)) }
    expectJustice(await poisonedSwarm(swarm), swarm)
  })
})

/** Pieces so long for peers so slow that all have a hand in most of them. */
test.each([1, 2, 3])('any number of poisoners, of any manner (seed %i)', async (seed) => {
  const random = new SeededRandom(seed)
  const swarm = {
    seed,
    scripts: randomScripts(random),
    payloadBytes: 6 * MIB,
    pieceLength: 2 ** (18 + random.int(4)),
    up: 40_000 + random.int(100_000),
  }
  expectJustice(await poisonedSwarm(swarm), swarm)
})

describe('at one address', () => {
  test('honest peers are kept beside a poisoner', async () => {
    const good = { isBad: () => false }
    const swarm = { seed: 5, scripts: [{ isBad: () => true }, good, good], payloadBytes: 4 * MIB }
    const damage = await poisonedSwarm({ ...swarm, isOneAddress: true, honest: 1 })
    expect(damage.banned).toEqual(['10.66.0.1:6881'])
    expect(damage.isIdentical).toBe(true)
  })

  test('a poisoner that comes back from port to port costs a piece each time, and is turned away in the end', async () => {
    const swarm = { seed: 6, scripts: [{ isBad: () => true }], payloadBytes: 16 * MIB, up: 60_000 }
    const damage = await poisonedSwarm({ ...swarm, comesBack: true })
    expect(damage.isIdentical).toBe(true)
    expect(damage.falseBans).toEqual([])
    expect(damage.banned).toHaveLength(MAX_CONVICTIONS_PER_ADDRESS)
    expect(damage.failed).toBeLessThanOrEqual(damage.heldAtFirst + MAX_CONVICTIONS_PER_ADDRESS - 1)
  })
})
