/** One seeder, many leechers, all uploads limited: bound by who sends what to whom, not by the machine. */
import { MIB } from '../../scripts/payload.ts'
import type { Bench, BenchCase, Settings } from '../case.ts'
import { hostAddress } from '../namespace.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import { watchSentBytes } from '../sent-bytes.ts'
import { SEEDER_HOST, transfer, type TransferPlan } from '../transfer.ts'

const UPLOAD_LIMIT = 20 * MIB
const LAST = 'last complete ÷ optimum'
const HEAD_START = 'head start of the limiter, %'
const RIVALS = ['aria2', 'libtorrent', 'libtorrent-tuned']

const sizeMib = ({ mib = 256 }: Settings): number => mib
const counts = ({ leechers = [8, 20] }: Settings): readonly number[] => leechers

export const fanout: BenchCase = {
  name: 'fanout',
  title: 'one seeder to many leechers, every upload limited to 20 MiB/s',
  rounds: 1,

  neededMib: (settings) => (1 + Math.max(...counts(settings))) * sizeMib(settings),

  async races(bench: Bench): Promise<readonly Race[]> {
    const { pieceKib = [256] } = bench.settings
    const mib = sizeMib(bench.settings)
    const races: Race[] = []
    for (const kib of pieceKib) {
      const payload = await bench.workshop.randomPayload(mib, kib * 1_024)
      for (const leechers of counts(bench.settings))
        races.push({
          title: `1 seeder to ${leechers} leechers, 20 MiB/s each, ${mib} MiB in pieces of ${kib} KiB`,
          hasWarmUp: false,
          contestants: bench.clients(['bitswarm', ...RIVALS]).map(([client, version]) => ({
            name: client.name,
            version,
            run: () =>
              limitedRun(bench, {
                seeder: client,
                leecher: client,
                leechers,
                payload,
                uploadLimit: UPLOAD_LIMIT,
              }),
          })),
          promises: [
            { who: 'bitswarm', title: LAST, limit: { atMost: 1.1 } },
            { who: 'bitswarm', title: LAST, rivals: RIVALS, limit: { atMost: 1 } },
            { who: 'bitswarm', title: HEAD_START, limit: { atMost: 1 } },
          ],
        })
    }
    return races
  },
}

async function limitedRun(bench: Bench, plan: TransferPlan): Promise<Figures> {
  const sent = watchSentBytes(hostAddress(SEEDER_HOST), UPLOAD_LIMIT)
  const { completeSeconds, firstByteSeconds, seeder, leechers, otherCores } = await transfer(
    bench,
    plan,
  ).finally(() => sent.stop())
  const { length } = plan.payload
  // The seeder must send every byte once; with as many uplinks as leechers, the others keep up.
  const optimum = length / UPLOAD_LIMIT
  const last = completeSeconds.at(-1)!
  return {
    [LAST]: last / optimum,
    'the same from first byte': (last - firstByteSeconds) / optimum,
    'first complete ÷ optimum': completeSeconds[0]! / optimum,
    'copies sent by the seeder': sent.bytes / length,
    [HEAD_START]: (100 * sent.aheadBytes) / length,
    'CPU s': leechers.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, seeder.cpuSeconds),
    'leecher peak MiB': Math.max(...leechers.map(({ peakMib }) => peakMib)),
    [OTHER_CORES]: otherCores,
  }
}
