/** Attacks by peers that download. */
import { afterEach, expect, test } from 'vitest'
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import {
  encodeCancels,
  encodeInterested,
  encodeNotInterested,
  encodeRequests,
} from '../../src/protocol/message.ts'
import { MiB, Siege, type Victim } from './siege.ts'
import type { RawPeer } from './raw-peer.ts'

const BLOCKS_PER_PIECE = 65_536 / BLOCK_LENGTH

let siege: Siege
let victim: Victim
async function begin(bytes?: number): Promise<void> {
  siege = await Siege.lay(bytes)
  victim = await siege.seeder()
}
afterEach(() => siege.lift())

/** Requests of the whole payload, again and again. */
function requests(count: number, from = 0): Uint8Array {
  const { pieceCount } = siege.metainfo.geometry
  const ranges = Array.from({ length: count }, (_, at) => ({
    piece: Math.floor((from + at) / BLOCKS_PER_PIECE) % pieceCount,
    begin: ((from + at) % BLOCKS_PER_PIECE) * BLOCK_LENGTH,
    length: BLOCK_LENGTH,
  }))
  return encodeRequests(ranges)
}

async function unchoked(options = {}): Promise<RawPeer> {
  const attacker = await victim.call(options)
  attacker.send(encodeInterested())
  await attacker.until('unchoke')
  return attacker
}

test('requests without end whose answers nobody reads', async () => {
  await begin()
  const attacker = await unchoked()
  attacker.stopReading()
  let at = 0
  const flood = attacker.flood(() => requests(1_000, (at += 1_000)))
  const seconds = await victim.serves()
  expect(await victim.verdictOn(attacker)).toBe('wire.flood')
  await flood
  await victim.survives(seconds)
})

test('everything asked for, and one byte a second read', async () => {
  await begin()
  const attackers = await Promise.all(
    Array.from({ length: 12 }, (_, at) => unchoked({ from: `127.66.1.${at + 1}` })),
  )
  for (const attacker of attackers) {
    attacker.stopReading()
    attacker.send(requests(1_024))
  }
  const trickle = setInterval(() => attackers.forEach(({ socket }) => socket.read(1)), 1_000)
  const seconds = await victim.serves()
  clearInterval(trickle)
  await victim.survives(seconds)
})

test('ever new peers that ask for other parts while they are alone, and then neither read nor want any more', async () => {
  await begin(192 * MiB)
  for (let at = 0; at < 45; at++) {
    const attacker = await unchoked({ from: `127.66.${at}.1` })
    attacker.stopReading()
    attacker.send(requests(1_024, 512 * at))
    await new Promise((resolve) => setTimeout(resolve, 50))
    attacker.send(encodeNotInterested())
  }
  await victim.survives()
})

test('requests and cancels in turn', async () => {
  await begin()
  const attacker = await unchoked()
  const range = { piece: 3, begin: 0, length: BLOCK_LENGTH }
  const chunk = Buffer.concat(
    Array.from({ length: 2_000 }, () => [encodeRequests([range]), encodeCancels([range])]).flat(),
  )
  attacker.stopReading()
  let bytes = 0
  const flood = attacker.flood(() => ((bytes += chunk.length) < 64 * MiB ? chunk : undefined))
  const seconds = await victim.serves()
  await flood
  await victim.survives(seconds)
})

test('interest that comes and goes a million times', async () => {
  await begin()
  const attacker = await victim.call()
  const chunk = Buffer.concat(
    Array.from({ length: 5_000 }, () => [encodeInterested(), encodeNotInterested()]).flat(),
  )
  let turns = 0
  const flood = attacker.flood(() => (++turns <= 100 ? chunk : undefined))
  const seconds = await victim.serves()
  await flood
  await victim.survives(seconds)
})
