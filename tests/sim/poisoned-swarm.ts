/** A leecher among honest seeders and poisoners, and what the poisoners cost it. */
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { shuffle } from '../../src/protocol/chance.ts'
import { bytesEqual, idFrom, type PeerId } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'
import { Poisoner, type Script } from '../support/poisoner.ts'

const PORT = 6881
const HOUR = 3_600_000

export interface PoisonedSwarm {
  readonly seed: number
  /** One for each poisoner. */
  readonly scripts: readonly Script[]
  /** All poisoners at one address. */
  readonly isOneAddress?: boolean
  readonly honest?: number
  readonly payloadBytes?: number
  readonly pieceLength?: number
  /** Bytes a second that each can send. */
  readonly up?: number
  /** They come again, from a new port, when they were banned. */
  readonly comesBack?: boolean
}

export interface Damage {
  readonly isIdentical: boolean
  readonly seconds: number
  readonly wastedBytes: number
  /** Bad copies of pieces. */
  readonly failed: number
  /** Pieces that bad blocks had been sent of when a piece was found to be bad for the first time. */
  readonly heldAtFirst: number
  readonly banned: readonly string[]
  readonly falseBans: readonly string[]
  /** With the blocks. */
  readonly smartBans: number
  /** From the first bad piece until the last poisoner was banned. */
  readonly secondsToBan: number
  /** Bad copies of pieces that nobody was banned for who had a hand in them. */
  readonly unsolved: number
}

interface Line {
  readonly at: number
  readonly event: string
  readonly peer?: string
  readonly peers?: readonly string[]
  readonly piece?: number
  readonly blocks?: readonly number[]
}

/** @throws when the leecher is not complete after an hour */
export async function poisonedSwarm(options: PoisonedSwarm): Promise<Damage> {
  const { seed, scripts, honest = 10 - scripts.length, payloadBytes = 16 * 2 ** 20 } = options
  const { pieceLength = 2 ** 19, up = 100_000 } = options
  const sim = new SimSwarm({ seed, hashes, payloadBytes, pieceLength, latencyMs: 20 })
  const random = sim.random.fork('poisoners')
  const poisoners: Poisoner[] = []
  const addresses: string[] = []
  for (const [i, script] of scripts.entries()) {
    const { metainfo, payload, clock } = sim
    const peerId = (): PeerId => idFrom<PeerId>(random.fill(new Uint8Array(20)))
    const poisoner = new Poisoner({ metainfo, payload, peerId, clock, script })
    const host = options.isOneAddress ? '10.66.0.1' : `10.66.0.${i + 1}`
    const machine = sim.streams.hostAt(host) ?? sim.streams.host(host, { up })
    const port = options.isOneAddress ? PORT + i : PORT
    machine.listen(port).onStream = (stream) => poisoner.speak(stream)
    poisoners.push(poisoner)
    addresses.push(`${host}:${port}`)
  }
  const seeders = []
  for (let i = 0; i < honest; i++) seeders.push(await sim.seeder({ up: up * (0.5 + random.float()) }))
  const peers = shuffle([...addresses.map((address) => ({ address })), ...seeders], random)
  const leecher = await sim.leecher({ peers })

  const lines: Line[] = []
  let read = 0
  let firstFailAt = -1
  let heldAtFirst = 0
  const lastBanAt = (): number => lines.findLast(({ event }) => event === 'peer_banned')?.at ?? 0
  const onStep = (): void => {
    for (; read < sim.log.length; read++) {
      const line = sim.log[read]!
      const event = JSON.parse(line.slice(line.indexOf('{'))) as Line
      lines.push({ ...event, at: sim.clock.now() })
      if (event.event === 'hash_fail' && firstFailAt < 0) {
        firstFailAt = sim.clock.now()
        heldAtFirst = poisoners.reduce((sum, { poisoned }) => sum + poisoned.size, 0)
      }
      if (event.event === 'peer_banned' && options.comesBack) comeBack(event.peer!)
    }
  }
  const comeBack = (peer: string): void => {
    const [host] = peer.split(':')
    const at = addresses.findIndex((address) => address.startsWith(`${host}:`))
    if (at < 0) return
    sim.clock.after(1_000, () => {
      sim.streams.hostAt(host!)!.dial({ host: leecher.host.address, port: PORT }, 5_000, (result) => {
        if ('write' in result) poisoners[at]!.speak(result)
      })
    })
  }
  const isDone = (): boolean => {
    onStep()
    return leecher.session.isComplete
  }
  sim.runUntil(isDone, { withinMs: HOUR })
  const seconds = sim.clock.now() / 1_000
  onStep()
  const fails = lines.filter(({ event }) => event === 'hash_fail')
  const bans = lines.filter(({ event }) => event === 'peer_banned')
  const isGuilty = (peer: string): boolean => peer.startsWith('10.66.')
  const banned = bans.map(({ peer }) => peer!)
  return {
    isIdentical: bytesEqual(leecher.file()!, sim.payload),
    seconds,
    wastedBytes: leecher.session.snapshot().wasted,
    failed: fails.length,
    heldAtFirst,
    banned,
    falseBans: banned.filter((peer) => !isGuilty(peer)),
    smartBans: bans.filter(({ blocks }) => blocks !== undefined).length,
    secondsToBan: bans.length === 0 ? 0 : (lastBanAt() - firstFailAt) / 1_000,
    unsolved: fails.filter(({ peers }) => !peers!.some((peer) => banned.includes(peer))).length,
  }
}
