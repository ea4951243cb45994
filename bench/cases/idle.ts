/** The cost of connected peers that neither request nor send anything. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../scripts/free-ports.ts'
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../src/protocol/handshake.ts'
import { idFrom, type InfoHash, type PeerId } from '../../src/protocol/ids.ts'
import { encodeBitfield } from '../../src/protocol/message.ts'
import type { Bench, BenchCase } from '../case.ts'
import { ClientProcess } from '../client-process.ts'
import { hostAddress } from '../namespace.ts'
import { bitswarmWords, quietFlags } from '../peers/bitswarm.ts'
import { cpuSeconds, memory, watchOthers } from '../process-cost.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'
import type { Payload } from '../workshop.ts'

const PEERS = 500
/** Addresses that they share. */
const HOSTS = 50
const PAYLOAD_MIB = 8_192
/** Time for everything that comes with connecting, including garbage collection. */
const SETTLE_MS = 10_000
const WATCHED_MS = 20_000
const CPU = '% of a core'
const MEMORY = 'KiB each'

export const idle: BenchCase = {
  name: 'idle',
  title: `${PEERS} connected idle peers`,
  rounds: 1,

  neededMib: () => 0,

  async races({ workshop }: Bench): Promise<readonly Race[]> {
    const payload = workshop.sparsePayload(PAYLOAD_MIB)
    return [
      {
        title: `a seeder with ${PEERS} connected idle peers, each with half of 32,768 pieces`,
        hasWarmUp: false,
        contestants: [{ name: 'bitswarm', run: () => watchSeeder(payload, workshop.freshFolder()) }],
        promises: [
          { who: 'bitswarm', title: CPU, limit: { atMost: 1 } },
          { who: 'bitswarm', title: MEMORY, limit: { atMost: 50 } },
        ],
      },
    ]
  },
}

async function watchSeeder(payload: Payload, scratch: string): Promise<Figures> {
  const job = { host: hostAddress(1), port: await freePort(hostAddress(1)), scratch }
  const seeder = new ClientProcess(
    bitswarmWords('-seed', payload.path, ...quietFlags(job), '-max-peers', String(PEERS), '-keep', '-1'),
  )
  const peers: Socket[] = []
  try {
    await seeder.whenSaid('"event":"complete"')
    await delay(SETTLE_MS)
    const residentBefore = memory(seeder.pid).residentMib
    for (let number = 0; number < PEERS; number++) peers.push(await connect(payload, job, number))
    await delay(SETTLE_MS)
    const others = watchOthers()
    const cpuBefore = cpuSeconds(seeder.pid)
    await delay(WATCHED_MS)
    const lost = peers.filter((peer) => peer.destroyed).length
    if (lost > 0) throw new Error(`${lost} peers were disconnected`)
    return {
      [CPU]: (100 * (cpuSeconds(seeder.pid) - cpuBefore)) / (WATCHED_MS / 1_000),
      [MEMORY]: ((memory(seeder.pid).residentMib - residentBefore) * 1_024) / PEERS,
      'resident MiB': memory(seeder.pid).residentMib,
      [OTHER_CORES]: others(),
    }
  } finally {
    for (const peer of peers) peer.destroy()
    await seeder.stop()
  }
}

/** A leecher with half of the pieces that has nothing more to say. */
async function connect(
  { infoHash, length, pieceLength }: Payload,
  { host, port }: { readonly host: string; readonly port: number },
  number: number,
): Promise<Socket> {
  const peer = createConnection({ host, port, localAddress: hostAddress(2 + (number % HOSTS)) })
  peer.on('error', () => {})
  peer.on('close', () => peer.destroy())
  await once(peer, 'connect')
  peer.write(
    encodeHandshake({
      infoHash: idFrom<InfoHash>(Buffer.from(infoHash, 'hex')),
      peerId: idFrom<PeerId>(randomBytes(20)),
      hasExtensions: false,
      hasFast: false,
    }),
  )
  peer.write(encodeBitfield(randomBytes(length / pieceLength / 8)))
  let received = 0
  await new Promise<void>((resolve, reject) => {
    peer.once('close', () => reject(new Error(`peer ${number} was turned away`)))
    peer.on('data', (chunk) => {
      received += chunk.length
      if (received >= HANDSHAKE_LENGTH) resolve()
    })
  })
  return peer
}
