/** One peer at the other end of a long link. */
import type { Bench, BenchCase, Settings } from '../case.ts'
import type { Client } from '../client.ts'
import { LongLink } from '../long-link.ts'
import { hostAddress } from '../namespace.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import { transfer } from '../transfer.ts'
import type { Payload } from '../workshop.ts'

const ROUND_TRIP_MS = 100
const MEGABITS_PER_SECOND = 500
const BYTES_PER_SECOND = (MEGABITS_PER_SECOND * 1e6) / 8
/** How long a client may take to find out how much must be in flight. */
const START_MS = 5_000
const SHARE = '% of the link after 5 s'
/** The link's host, which is neither the seeder's nor the leecher's. */
const LINK_HOST = 50

const sizeMib = ({ mib = 1_024 }: Settings): number => mib

export const latency: BenchCase = {
  name: 'latency',
  title: `one peer over ${ROUND_TRIP_MS} ms at ${MEGABITS_PER_SECOND} Mbit/s`,
  rounds: 3,

  neededMib: (settings) => 2 * sizeMib(settings),

  async races(bench: Bench): Promise<readonly Race[]> {
    const { pieceKib = [1_024] } = bench.settings
    const mib = sizeMib(bench.settings)
    const races: Race[] = []
    for (const kib of pieceKib) {
      const payload = await bench.workshop.randomPayload(mib, kib * 1_024)
      races.push({
        title: `1 peer over ${ROUND_TRIP_MS} ms at ${MEGABITS_PER_SECOND} Mbit/s, ${mib} MiB in pieces of ${kib} KiB`,
        hasWarmUp: false,
        contestants: bench
          .clients(['bitswarm', 'libtorrent', 'libtorrent-tuned'])
          .map(([client, version]) => ({
            name: client.name,
            version,
            run: () => run(bench, client, payload),
          })),
        promises: [{ who: 'bitswarm', title: SHARE, limit: { atLeast: 95 } }],
      })
    }
    return races
  },
}

async function run(bench: Bench, client: Client, payload: Payload): Promise<Figures> {
  let link: LongLink | undefined
  try {
    const { completeSeconds, firstByteSeconds, otherCores } = await transfer(bench, {
      seeder: client,
      leecher: client,
      payload,
      async through(seeder) {
        link = await LongLink.listen(hostAddress(LINK_HOST), {
          to: seeder,
          delayMs: ROUND_TRIP_MS / 2,
          bytesPerSecond: BYTES_PER_SECOND,
        })
        return link.address
      },
    })
    const delivered = link!.delivered
    const late = delivered.rateAfter(START_MS)
    return {
      [SHARE]: (100 * late) / BYTES_PER_SECOND,
      'MB/s from first byte': payload.length / 1e6 / (completeSeconds[0]! - firstByteSeconds),
      'bytes over the link ÷ payload': delivered.bytes / payload.length,
      [OTHER_CORES]: otherCores,
    }
  } finally {
    link?.close()
  }
}
