/** Hashing a payload: to create its metainfo, and to verify it against that. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { utimesSync } from 'node:fs'
import type { Bench, BenchCase, Settings } from '../case.ts'
import { ClientProcess } from '../client-process.ts'
import { hostAddress } from '../namespace.ts'
import { bitswarmWords, quietFlags } from '../peers/bitswarm.ts'
import { freePort } from '../../scripts/free-ports.ts'
import { spentByChildren, watchOthers } from '../process-cost.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import type { Payload } from '../workshop.ts'

const GIB = 2 ** 30
const SPEED = 'MB/s'

const sizeMib = ({ mib = 8_192 }: Settings): number => mib

export const hashing: BenchCase = {
  name: 'hashing',
  title: 'create, and the check at the start of a seeder, against openssl on one core × cores',
  rounds: 3,

  neededMib: sizeMib,

  async races({ settings, workshop }: Bench): Promise<readonly Race[]> {
    const mib = sizeMib(settings)
    const payload = await workshop.randomPayload(mib)
    const cores = availableParallelism()
    const openssl = `openssl × ${cores}`
    return [
      {
        title: `hashing ${mib} MiB`,
        hasWarmUp: true,
        contestants: [
          { name: 'create', run: () => timed(payload, 1, () => create(payload, workshop.freshFolder())) },
          { name: 'check', run: () => timed(payload, 1, () => check(payload, workshop.freshFolder())) },
          { name: openssl, run: () => timed(payload, cores, () => digest(payload)) },
        ],
        promises: ['create', 'check'].map((who) => ({
          who,
          title: SPEED,
          rivals: [openssl],
          limit: { atLeast: 0.8 },
        })),
      },
    ]
  },
}

/** @param factor how many such processes would run at once */
async function timed({ length }: Payload, factor: number, work: () => Promise<void>): Promise<Figures> {
  const others = watchOthers()
  const cpuBefore = spentByChildren()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1_000
  return {
    [SPEED]: (factor * length) / 1e6 / seconds,
    seconds,
    'CPU s/GiB': ((spentByChildren() - cpuBefore) * GIB) / length,
    [OTHER_CORES]: others(),
  }
}

async function create({ path, infoHash }: Payload, folder: string): Promise<void> {
  const child = new ClientProcess(bitswarmWords('create', path, '-o', join(folder, 'made.torrent')))
  const line = await child.whenSaid(infoHash.slice(0, 4))
  if (!line.startsWith(infoHash)) throw new Error(`create found another info hash: ${line}`)
  await child.exited
}

/** The start of a seeder whose payload is younger than its metainfo: it reads everything before it serves. */
async function check({ path }: Payload, scratch: string): Promise<void> {
  const now = new Date(Date.now() + 1_000)
  utimesSync(path, now, now)
  const host = hostAddress(1)
  const flags = quietFlags({ host, port: await freePort(host), scratch })
  const child = new ClientProcess(bitswarmWords('-seed', path, ...flags))
  const resumed = child.whenSaid('"event":"resume"')
  await child.whenSaid('"event":"complete"')
  const { source, checked, pieces } = JSON.parse(await resumed) as Record<string, unknown>
  if (source !== 'check' || checked !== pieces)
    throw new Error(`it checked ${String(checked)} of ${String(pieces)} pieces`)
  await child.stop()
}

async function digest({ path }: Payload): Promise<void> {
  const child = new ClientProcess(['openssl', 'dgst', '-sha1', path])
  if ((await child.exited) !== 0) throw new Error(`openssl: ${child.lastWords}`)
}
