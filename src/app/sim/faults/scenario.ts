/** What a simulated swarm is before anything goes wrong: its payload, its machines, who knows whom. Drawn from the seed. */
import type { Millis, Random } from '../../../protocol/ports.ts'
import { SYNC_POLICIES, type SyncPolicy } from '../../sync-policy.ts'
import { SeededRandom } from '../random.ts'
import type { WebServerPlan } from './web-server.ts'

/**
 * An honest `seeder` has the payload, a `leecher` wants it. A `poisoner` says that it has it, and some of its blocks
 * are wrong.
 */
export type Role = 'seeder' | 'leecher' | 'poisoner'

/** By what machines find each other at first: addresses that they are given, a tracker, their DHT nodes, or multicast. */
export type Meeting = 'given' | 'tracker' | 'dht' | 'lan'

export interface MachinePlan {
  readonly role: Role
  readonly startsAt: Millis
  /** Bytes per second. */
  readonly up: number
  readonly down: number
  /** What every operation of its disk takes. */
  readonly diskLatencyMs: Millis
  /** Pieces that lie on its disk at the start; of a poisoner, those that are wrong there. */
  readonly pieces: readonly number[]
  /** When a download makes durable what it wrote. */
  readonly sync: SyncPolicy
  /** Indices of the machines that it is told of, or of those through which its DHT node joins; others it hears of from peers. */
  readonly knows: readonly number[]
}

export interface SwarmPlan {
  readonly pieceLength: number
  /** One single file, or several in a folder. */
  readonly fileLengths: readonly number[]
  readonly content: Uint8Array
  /** The first one is an honest seeder, and nobody touches its files. */
  readonly machines: readonly MachinePlan[]
  /** One way, between any two machines. */
  readonly latencyMs: Millis
  /** A server that has the payload, too. */
  readonly web?: WebServerPlan
  readonly meeting: Meeting
  /** Leechers start from a link: the info dictionary has to come from peers. */
  readonly hasLink: boolean
  /** What makes the info dictionary one of several blocks (BEP 9). */
  readonly paddingBytes: number
}

const MIN_BLOCKS = 8
const MAX_BLOCKS = 48
const BLOCK = 16_384

export function drawSwarm(random: Random): SwarmPlan {
  // With short pieces there are more than are read when a start makes sure of what it remembers.
  const pieceLength = BLOCK * [1 / 8, 1, 2, 4, 8][random.int(5)]!
  const blocks = MIN_BLOCKS + random.int(MAX_BLOCKS - MIN_BLOCKS)
  const length = blocks * BLOCK - random.int(BLOCK)
  const pieceCount = Math.ceil(length / pieceLength)
  const count = 3 + Math.min(random.int(7), random.int(7))
  const roles = drawRoles(random, count)
  return {
    pieceLength,
    fileLengths: drawFiles(random, length),
    content: drawContent(random, length),
    latencyMs: 1 + random.int(60),
    machines: roles.map((role, index) => ({
      role,
      startsAt: role === 'leecher' ? random.int(2) * random.int(10_000) : 0,
      // Whoever sends alone takes some 5 to 30 s for it: time for things to go wrong.
      // What a slow one does not get done others help with: a bad piece then has several senders.
      up: Math.round(length / ((5 + random.int(25)) * (role === 'poisoner' ? 4 : 1))),
      down: Math.round(length / (1 + random.int(10))),
      diskLatencyMs: random.int(4) === 0 ? random.int(200) : random.int(10),
      pieces: drawPieces(random, role, pieceCount),
      sync: SYNC_POLICIES[random.int(SYNC_POLICIES.length)]!,
      knows: drawContacts(random, index, count),
    })),
    ...(random.int(3) === 0 && { web: drawWebServer(random, length) }),
    meeting: MEETINGS[random.int(MEETINGS.length)]!,
    hasLink: random.int(4) === 0,
    paddingBytes: Math.max(0, random.int(6) - 2) * BLOCK,
  }
}

const MEETINGS: readonly Meeting[] = ['given', 'given', 'tracker', 'dht', 'lan']

/** As fast as a slow seeder or an honest one. */
function drawWebServer(random: Random, length: number): WebServerPlan {
  return {
    up: Math.round(length / (5 + random.int(55))),
    oneIn: 2 + random.int(10),
    isLying: random.int(3) === 0,
  }
}

function drawRoles(random: Random, count: number): Role[] {
  const roles: Role[] = ['seeder', 'leecher', 'leecher']
  while (roles.length < count) {
    const dice = random.int(10)
    roles.push(dice < 5 ? 'leecher' : dice < 8 ? 'poisoner' : 'seeder')
  }
  return roles
}

function drawFiles(random: Random, length: number): number[] {
  const cuts = Array.from({ length: random.int(2) * random.int(5) }, () => 1 + random.int(length - 1))
  const ends = [...new Set([...cuts, length])].toSorted((a, b) => a - b)
  return ends.map((end, index) => end - (ends[index - 1] ?? 0))
}

function drawPieces(random: Random, role: Role, pieceCount: number): number[] {
  if (role === 'seeder') return indices(pieceCount)
  if (role === 'leecher' && random.int(4) > 0) return []
  const oneIn = [1, 2, 8][random.int(3)]!
  return indices(pieceCount).filter(() => random.int(oneIn) === 0)
}

/** The first one, and some others. */
function drawContacts(random: Random, index: number, count: number): number[] {
  return indices(count).filter((other) => other !== index && (other === 0 || random.int(3) === 0))
}

const PATTERN_LENGTH = 2 ** 21
let pattern: Uint8Array | undefined

/** A part of one random text, which takes a hundredth of the time that it takes to write another. */
function drawContent(random: Random, length: number): Uint8Array {
  pattern ??= new SeededRandom(1).fill(new Uint8Array(PATTERN_LENGTH))
  const begin = 8 * random.int((PATTERN_LENGTH - length) / 8)
  return pattern.subarray(begin, begin + length)
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
