/** One seeder, one leecher of the same kind. */
import type { Bench, BenchCase, Settings } from '../case.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import { transfer, type Transfer } from '../transfer.ts'
import type { Promised } from '../verdict.ts'
import type { Payload } from '../workshop.ts'

const GIB = 2 ** 30
export const SPEED = 'MB/s from first byte'
const SPEED_FROM_START = 'MB/s from start'
const CPU = 'CPU s/GiB'
/** The fast clients: the fastest one installed is the measure. */
const FAST = ['aria2', 'rTorrent', 'libtorrent-tuned']

const PROMISES: readonly Promised[] = [
  { who: 'bitswarm', title: SPEED, rivals: FAST, limit: { atLeast: 1.5 } },
  { who: 'bitswarm', title: SPEED, rivals: ['WebTorrent'], limit: { atLeast: 4 } },
  { who: 'bitswarm', title: SPEED_FROM_START, rivals: ['aria2'], limit: { atLeast: 2 } },
  { who: 'bitswarm', title: CPU, rivals: ['aria2'], limit: { atMost: 1 } },
]
const PROMISES_ON_FEWER_CPUS: readonly Promised[] = [
  { who: 'bitswarm', title: SPEED, rivals: FAST, limit: { atLeast: 1.2 } },
]

const sizeMib = ({ mib = 2_048 }: Settings): number => mib

export const pair: BenchCase = {
  name: 'pair',
  title: 'one seeder to one leecher over loopback',
  rounds: 3,

  neededMib: (settings) => 2 * sizeMib(settings),

  async races(bench: Bench): Promise<readonly Race[]> {
    const { pieceKib = [1_024, 256] } = bench.settings
    const names = ['bitswarm', ...FAST, 'libtorrent', 'WebTorrent']
    const mib = sizeMib(bench.settings)
    const races: Race[] = []
    for (const kib of pieceKib) {
      const payload = await bench.workshop.randomPayload(mib, kib * 1_024)
      races.push({
        title: `1 seeder to 1 leecher, ${mib} MiB in pieces of ${kib} KiB`,
        hasWarmUp: true,
        contestants: bench.clients(names).map(([client, version]) => ({
          name: client.name,
          version,
          run: async () =>
            pairFigures(payload, await transfer(bench, { seeder: client, leecher: client, payload })),
        })),
        promises: bench.isPinned ? PROMISES_ON_FEWER_CPUS : PROMISES,
      })
    }
    return races
  },
}

export function pairFigures({ length }: Payload, { completeSeconds, ...figures }: Transfer): Figures {
  const [seconds] = completeSeconds
  const { firstByteSeconds, seeder, otherCores } = figures
  const [leecher] = figures.leechers
  const gib = length / GIB
  return {
    [SPEED]: length / 1e6 / (seconds! - firstByteSeconds),
    [SPEED_FROM_START]: length / 1e6 / seconds!,
    [CPU]: (seeder.cpuSeconds + leecher!.cpuSeconds) / gib,
    'seeder CPU s/GiB': seeder.cpuSeconds / gib,
    'leecher CPU s/GiB': leecher!.cpuSeconds / gib,
    'seeder peak MiB': seeder.peakMib,
    'leecher peak MiB': leecher!.peakMib,
    'seeder anon MiB': seeder.anonymousMib,
    'leecher anon MiB': leecher!.anonymousMib,
    [OTHER_CORES]: otherCores,
  }
}
