/** Ours on one side, libtorrent on the other, against libtorrent on both. */
import type { Bench, BenchCase, Settings } from '../case.ts'
import type { Client } from '../client.ts'
import { bitswarm } from '../peers/bitswarm.ts'
import type { Contestant, Race } from '../race.ts'
import { transfer } from '../transfer.ts'
import { pairFigures, SPEED } from './pair.ts'

const sizeMib = ({ mib = 2_048 }: Settings): number => mib

export const mixed: BenchCase = {
  name: 'mixed',
  title: 'between ours and libtorrent, in both directions',
  rounds: 3,

  neededMib: (settings) => 2 * sizeMib(settings),

  async races(bench: Bench): Promise<readonly Race[]> {
    const { pieceKib = [1_024] } = bench.settings
    const mib = sizeMib(bench.settings)
    const races: Race[] = []
    for (const kib of pieceKib) {
      const payload = await bench.workshop.randomPayload(mib, kib * 1_024)
      const pairing = (seeder: Client, leecher: Client): Contestant => ({
        name: `${seeder.name} → ${leecher.name}`,
        run: async () => pairFigures(payload, await transfer(bench, { seeder, leecher, payload })),
      })
      for (const [other] of bench.clients(['libtorrent', 'libtorrent-tuned'])) {
        const theirs = pairing(other, other)
        const ours = [pairing(other, bitswarm), pairing(bitswarm, other)]
        races.push({
          title: `ours and ${other.name}, ${mib} MiB in pieces of ${kib} KiB`,
          hasWarmUp: true,
          contestants: [...ours, theirs],
          promises: ours.map(({ name }) => ({
            who: name,
            title: SPEED,
            rivals: [theirs.name],
            limit: { atLeast: 1 },
          })),
        })
      }
    }
    return races
  },
}
