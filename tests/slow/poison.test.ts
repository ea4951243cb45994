/** What poisoners of every manner cost, over many seeds: POISON_SEEDS=200 npx vitest run tests/slow/poison */
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { MANNERS, randomScripts, type Manner } from '../sim/poison-scripts.ts'
import { poisonedSwarm, type Damage } from '../sim/poisoned-swarm.ts'

const SEEDS = Number(process.env['POISON_SEEDS'] ?? 4)
const PIECE = Number(process.env['POISON_PIECE'] ?? 2 ** 19)

/** Each seed has other poisoners, and other pieces and peers. */
const ANY: Manner = { name: 'any', poisoners: 6, scripts: randomScripts }

test.each([...MANNERS, ANY])('$name', { timeout: 600_000 }, async ({ name, scripts }) => {
  const runs: Damage[] = []
  for (let seed = 1; seed <= SEEDS; seed++)
    runs.push(await poisonedSwarm({ seed, scripts: scripts(new SeededRandom(seed)), pieceLength: PIECE }))
  const worst = (value: (run: Damage) => number): number => Math.max(...runs.map(value))
  const mean = (value: (run: Damage) => number): number =>
    runs.reduce((sum, run) => sum + value(run), 0) / runs.length
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2)
  console.log(
    [
      name.padEnd(40),
      `wasted ${mib(mean((run) => run.wastedBytes))} / ${mib(worst((run) => run.wastedBytes))} MiB`,
      `failed ${mean((run) => run.failed).toFixed(1)} / ${worst((run) => run.failed)}`,
      `held ${mean((run) => run.heldAtFirst).toFixed(1)} / ${worst((run) => run.heldAtFirst)}`,
      `excess ${worst((run) => run.failed - run.heldAtFirst)}`,
      `ban ${mean((run) => run.secondsToBan).toFixed(1)} / ${worst((run) => run.secondsToBan).toFixed(1)} s`,
      `smart ${mean((run) => run.smartBans).toFixed(2)}`,
      `done ${mean((run) => run.seconds).toFixed(0)} / ${worst((run) => run.seconds).toFixed(0)} s`,
      `unsolved ${runs.filter((run) => run.unsolved > 0).length}`,
      `false ${runs.filter((run) => run.falseBans.length > 0).length}`,
    ].join(' | '),
  )
  for (const [at, run] of runs.entries()) {
    expect(run, `seed ${at + 1}`).toMatchObject({ isIdentical: true, falseBans: [], unsolved: 0 })
  }
})
