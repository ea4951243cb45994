/** Time from the start of the process until it is useful. */
import type { Bench, BenchCase } from '../case.ts'
import { ClientProcess } from '../client-process.ts'
import { bitswarmWords } from '../peers/bitswarm.ts'
import { watchOthers } from '../process-cost.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import type { Payload } from '../workshop.ts'

const TIME = 'ms from process start'
const PAYLOAD_MIB = 16

export const startup: BenchCase = {
  name: 'startup',
  title: 'from process start until a leecher listens, and until --help is printed',
  rounds: 20,

  neededMib: () => PAYLOAD_MIB,

  async races({ workshop }: Bench): Promise<readonly Race[]> {
    const payload = await workshop.randomPayload(PAYLOAD_MIB)
    return [
      {
        title: 'process start',
        hasWarmUp: true,
        contestants: [
          { name: 'listen', run: () => timed(() => listen(payload, workshop.freshFolder())) },
          { name: '--help', run: () => timed(help) },
          { name: 'node -e 0, for comparison', run: () => timed(nothing) },
        ],
        promises: [
          { who: 'listen', title: TIME, limit: { atMost: 150 } },
          { who: '--help', title: TIME, limit: { atMost: 100 } },
        ],
      },
    ]
  },
}

/** @param work returns when it was done, on the clock of `performance.now` */
async function timed(work: () => Promise<number>): Promise<Figures> {
  const others = watchOthers()
  const start = performance.now()
  const end = await work()
  return { [TIME]: end - start, [OTHER_CORES]: others() }
}

/** With a DHT node and without LAN discovery, which no namespace has. */
async function listen({ torrent }: Payload, folder: string): Promise<number> {
  const addresses = [
    '-tcp-listen',
    '127.0.0.1:0',
    '-dht-listen',
    '127.0.0.1:0',
    '-no-lan',
    '-state-dir',
    folder,
  ]
  const child = new ClientProcess(bitswarmWords('-get', torrent, '-dest', folder, ...addresses))
  await child.whenSaid('"event":"listen"')
  const end = performance.now()
  await child.stop()
  return end
}

async function help(): Promise<number> {
  return endOf(bitswarmWords('--help'))
}

async function nothing(): Promise<number> {
  return endOf([process.execPath, '-e', '0'])
}

async function endOf(words: readonly string[]): Promise<number> {
  const child = new ClientProcess(words)
  if ((await child.exited) !== 0) throw new Error(child.lastWords)
  return performance.now()
}
