/** One seeder and many leechers, all uploads limited: the benchmark for whom to unchoke and what to send first. */
import { InvariantError } from '../../protocol/errors.ts'
import type { Hashes, Millis } from '../../protocol/ports.ts'
import { SimSwarm, type SimMachine } from './swarm.ts'

export interface FanOutOptions {
  /** The same seed gives the same run. */
  readonly seed: number
  readonly hashes: Hashes
  readonly leechers: number
  /** This many of them have a quarter of the uplink. */
  readonly slowLeechers?: number
  /** This many more join that send next to nothing; nobody waits for them. */
  readonly freeRiders?: number
  /** The last leecher joins only after this share of the optimum. */
  readonly lateAt?: number
  /** The seeder leaves as soon as it has sent one payload's worth. */
  readonly doesSeederLeave?: boolean
  readonly payloadBytes: number
  readonly pieceLength: number
  /** Bytes a second that each may send (`-max-up`). */
  readonly up: number
  /** One way; 1 ms when missing. */
  readonly latencyMs?: Millis
}

export interface FanOutResult {
  /** Time of the last completion over that of a swarm that wastes nothing. */
  readonly lastRatio: number
  readonly firstRatio: number
  /** Payloads that the seeder sent: 1 is the least. */
  readonly copies: number
  /** Bytes sent by all over what they could have sent. */
  readonly uplinkUse: number
  /** Payload bytes received in vain, relative to those needed. */
  readonly wasted: number
}

const SLOW_FRACTION = 4
/** Time for what the seeder has sent to arrive before it leaves. */
const LAST_WORDS: Millis = 200
/** Bytes a second that a free rider sends. */
const FREE_RIDE = 16_384

/** Nothing is faster: the seeder sends every byte once, and all uplinks together every byte to everyone. */
function optimumMs({ payloadBytes, up, leechers, slowLeechers = 0 }: FanOutOptions): Millis {
  const uplinks = up * (1 + leechers - slowLeechers + slowLeechers / SLOW_FRACTION)
  return 1_000 * Math.max(payloadBytes / up, (leechers * payloadBytes) / uplinks)
}

/** Runs one under virtual time. */
export async function runFanOut(options: FanOutOptions): Promise<FanOutResult> {
  const { seed, hashes, leechers, slowLeechers = 0, payloadBytes, pieceLength, up, latencyMs = 1 } = options
  const sim = new SimSwarm({ seed, hashes, payloadBytes, pieceLength, latencyMs })
  const startedAt = sim.clock.now()
  const optimum = optimumMs(options)
  const machines: SimMachine[] = []
  const add = async (maxUp: number): Promise<SimMachine> => {
    const machine = await sim.leecher({ node: { maxUp }, peers: [seeder, ...machines] })
    machines.push(machine)
    return machine
  }
  const seeder = await sim.seeder({ node: { maxUp: up } })
  for (let i = 0; i < (options.freeRiders ?? 0); i++) await add(FREE_RIDE)
  const waiting = new Set<SimMachine>()
  for (let i = 1; i <= leechers; i++) {
    if (i === leechers && options.lateAt !== undefined)
      sim.clock.runUntil(startedAt + options.lateAt * optimum)
    waiting.add(await add(i <= slowLeechers ? up / SLOW_FRACTION : up))
  }
  const completions: Millis[] = []
  const deadline = startedAt + 20 * optimum
  let leavesAt = Infinity
  while (waiting.size > 0) {
    if (sim.clock.now() > deadline || !sim.clock.step())
      throw new InvariantError(`it did not end (seed ${seed}):\n${sim.log.slice(-20).join('\n')}`)
    const now = sim.clock.now()
    if (
      options.doesSeederLeave &&
      leavesAt === Infinity &&
      seeder.session.snapshot().uploaded >= payloadBytes
    )
      leavesAt = now + LAST_WORDS
    if (now >= leavesAt) void seeder.session.close()
    for (const machine of waiting) {
      if (!machine.session.isComplete) continue
      waiting.delete(machine)
      completions.push(sim.clock.now() - startedAt)
    }
  }
  const sent = [seeder, ...machines].map(({ session }) => session.snapshot().uploaded)
  const wasted = machines.reduce((sum, { session }) => sum + session.snapshot().wasted, 0)
  const last = Math.max(...completions)
  return {
    lastRatio: last / optimum,
    firstRatio: Math.min(...completions) / optimum,
    copies: sent[0]! / payloadBytes,
    uplinkUse:
      sent.reduce((sum, bytes) => sum + bytes, 0) /
      ((last / 1_000) * up * (1 + leechers - slowLeechers + slowLeechers / SLOW_FRACTION)),
    wasted: wasted / (leechers * payloadBytes),
  }
}
