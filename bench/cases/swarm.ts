/** One seeder, some leechers of the same kind that start together. */
import type { Bench, BenchCase, Settings } from '../case.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import { transfer, type Transfer } from '../transfer.ts'
import type { Payload } from '../workshop.ts'

const GIB = 2 ** 30
const SPEED = 'aggregate MB/s'
const CPU = 'CPU s/GiB'
const SHARE = 'share of the seeder'
const RIVALS = ['aria2', 'libtorrent', 'libtorrent-tuned']

const sizeMib = ({ mib = 512 }: Settings): number => mib
const counts = ({ leechers = [4] }: Settings): readonly number[] => leechers

export const swarm: BenchCase = {
  name: 'swarm',
  title: 'one seeder to several leechers over loopback',
  rounds: 3,

  neededMib: (settings) => (1 + Math.max(...counts(settings))) * sizeMib(settings),

  async races(bench: Bench): Promise<readonly Race[]> {
    const { pieceKib = [1_024] } = bench.settings
    const mib = sizeMib(bench.settings)
    const races: Race[] = []
    for (const kib of pieceKib) {
      const payload = await bench.workshop.randomPayload(mib, kib * 1_024)
      for (const leechers of counts(bench.settings))
        races.push({
          title: `1 seeder to ${leechers} leechers, ${mib} MiB in pieces of ${kib} KiB`,
          hasWarmUp: true,
          contestants: bench.clients(['bitswarm', ...RIVALS]).map(([client, version]) => ({
            name: client.name,
            version,
            run: async () =>
              figures(payload, await transfer(bench, { seeder: client, leecher: client, leechers, payload })),
          })),
          promises: [
            { who: 'bitswarm', title: SPEED, rivals: RIVALS, limit: { atLeast: 1.3 } },
            { who: 'bitswarm', title: CPU, rivals: RIVALS, limit: { atMost: 1 } },
            { who: 'bitswarm', title: SHARE, limit: { atMost: 0.35 } },
          ],
        })
    }
    return races
  },
}

function figures({ length }: Payload, result: Transfer): Figures {
  const { completeSeconds, firstByteSeconds, seeder, leechers, uploadedBySeeder, otherCores } = result
  const delivered = length * leechers.length
  const last = completeSeconds.at(-1)!
  const leecherCpu = leechers.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  return {
    [SPEED]: delivered / 1e6 / (last - firstByteSeconds),
    'last complete, s from start': last,
    [CPU]: ((seeder.cpuSeconds + leecherCpu) * GIB) / delivered,
    [SHARE]: uploadedBySeeder / delivered,
    'seeder peak MiB': seeder.peakMib,
    'leecher peak MiB': Math.max(...leechers.map(({ peakMib }) => peakMib)),
    [OTHER_CORES]: otherCores,
  }
}
