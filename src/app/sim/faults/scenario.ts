/** A simulated swarm before anything goes wrong: its payload, its machines, who knows whom. Drawn from the seed. */
import { ORDER_NAMES, type OrderName } from '../../../peer/piece-order.ts'
import type { Millis, Random } from '../../../protocol/ports.ts'
import type { NodeOptions } from '../../node.ts'
import { SYNC_POLICIES, type SyncPolicy } from '../../sync-policy.ts'
import { SeededRandom } from '../random.ts'
import type { WebServerPlan } from './web-server.ts'

/**
 * An honest `seeder` has the payload, a `leecher` wants it. A `poisoner` says that it has it, and some of its blocks
 * are wrong.
 */
export type Role = 'seeder' | 'leecher' | 'poisoner'

/** How machines find each other at first, by its description. */
export const MEETINGS = {
  given: 'addresses that they are given',
  'http-tracker': 'a tracker, over HTTP',
  'udp-tracker': 'a tracker, over UDP',
  'announce-list': 'the trackers of an announce list, some of which are not there',
  dht: 'the DHT',
  lan: 'multicast',
} as const
export type Meeting = keyof typeof MEETINGS

/** What its user has set. */
export interface MachineSettings {
  readonly limits: Pick<NodeOptions, 'maxPeers' | 'maxUp' | 'maxDown'>
  readonly strategy: OrderName
  /** When a download makes its pieces durable. */
  readonly sync: SyncPolicy
  /** Of what it serves, what it keeps in memory; all of it when missing. */
  readonly cacheBytes?: number
  /** Whether a complete download keeps its record, to be served again. */
  readonly remembersComplete: boolean
}

export interface MachinePlan {
  readonly role: Role
  readonly startsAt: Millis
  /** Bytes per second. */
  readonly up: number
  readonly down: number
  /** Time of every operation of its disk. */
  readonly diskLatencyMs: Millis
  /** Pieces on its disk at the start; for a poisoner, those that are wrong there. */
  readonly pieces: readonly number[]
  readonly settings: MachineSettings
  /** Indices of the machines that it is told of, or of those through which its DHT node joins; others it hears of from peers. */
  readonly knows: readonly number[]
}

export interface FilePlan {
  readonly length: number
  /** Zeros that are on no disk, and align the next file to a piece (BEP 47). */
  readonly isPadding: boolean
}

export interface SwarmPlan {
  readonly pieceLength: number
  /** One single file, or several in a folder. */
  readonly files: readonly FilePlan[]
  readonly content: Uint8Array
  /** The first one is an honest seeder, and nobody touches its files. */
  readonly machines: readonly MachinePlan[]
  /** One way, between any two machines. */
  readonly latencyMs: Millis
  /** A server that has the payload, too. */
  readonly web?: WebServerPlan
  readonly meeting: Meeting
  /** Peers do not tell each other of others (BEP 27). */
  readonly isPrivate: boolean
  /** Leechers start from a link: the info dictionary has to come from peers, and that of every other poisoner is wrong. */
  readonly hasLink: boolean
  /** What makes the info dictionary one of several blocks (BEP 9). */
  readonly infoFillerBytes: number
}

const MIN_BLOCKS = 8
const MAX_BLOCKS = 48
const BLOCK = 16_384

export function drawSwarm(random: Random): SwarmPlan {
  // With short pieces there are more than are read when a start makes sure of what it remembers.
  const pieceLength = BLOCK * [1 / 8, 1, 2, 4, 8][random.int(5)]!
  const blocks = MIN_BLOCKS + random.int(MAX_BLOCKS - MIN_BLOCKS)
  const files = drawFiles(random, blocks * BLOCK - random.int(BLOCK), pieceLength)
  const length = files.reduce((sum, file) => sum + file.length, 0)
  const pieceCount = Math.ceil(length / pieceLength)
  // Now and then there are more leechers than a limited upload has slots.
  const count = random.int(16) === 0 ? 9 + random.int(4) : 3 + Math.min(random.int(7), random.int(7))
  const roles = drawRoles(random, count)
  const meeting = drawMeeting(random)
  return {
    pieceLength,
    files,
    content: drawContent(random, files, length),
    latencyMs: 1 + random.int(60),
    machines: roles.map((role, index) => ({
      role,
      startsAt: role === 'leecher' ? random.int(2) * random.int(10_000) : 0,
      // A lone sender takes some 5 to 30 s for it: time for things to go wrong.
      // Others help with what a slow one does not finish, so that a bad piece has several senders.
      up: Math.round(length / ((5 + random.int(25)) * (role === 'poisoner' ? 4 : 1))),
      down: Math.round(length / (1 + random.int(10))),
      diskLatencyMs: random.int(4) === 0 ? random.int(200) : random.int(10),
      pieces: drawPieces(random, role, pieceCount),
      settings: drawSettings(random, length),
      knows: drawContacts(random, index, count),
    })),
    ...(random.int(3) === 0 && { web: drawWebServer(random, length) }),
    meeting,
    isPrivate: isPrivatelyMet(meeting) && random.int(3) === 0,
    hasLink: random.int(4) === 0,
    infoFillerBytes: Math.max(0, random.int(6) - 2) * BLOCK,
  }
}

/** Many are given addresses: nothing else slows down what happens then. */
function drawMeeting(random: Random): Meeting {
  const meetings = Object.keys(MEETINGS) as Meeting[]
  return random.int(3) === 0 ? 'given' : meetings[random.int(meetings.length)]!
}

/** Where a private torrent's peers may come from (BEP 27). */
function isPrivatelyMet(meeting: Meeting): boolean {
  return meeting !== 'dht' && meeting !== 'lan'
}

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

/** Half of them are a single one. Of those with several half are padded, and some of their files are empty. */
function drawFiles(random: Random, length: number, pieceLength: number): FilePlan[] {
  const cuts = Array.from({ length: random.int(2) * random.int(5) }, () => 1 + random.int(length - 1))
  const ends = [...cuts, length].toSorted((a, b) => a - b)
  if (ends.length > 1 && random.int(4) === 0) ends.unshift(ends[0]!)
  const isPadded = random.int(2) === 0
  return ends.flatMap((end, index) => {
    const file = { length: end - (ends[index - 1] ?? 0), isPadding: false }
    const padding = -file.length & (pieceLength - 1)
    const isLast = index === ends.length - 1
    return isPadded && !isLast && padding > 0 ? [file, { length: padding, isPadding: true }] : [file]
  })
}

function drawPieces(random: Random, role: Role, pieceCount: number): number[] {
  if (role === 'seeder') return indices(pieceCount)
  if (role === 'leecher' && random.int(4) > 0) return []
  const oneIn = [1, 2, 8][random.int(3)]!
  return indices(pieceCount).filter(() => random.int(oneIn) === 0)
}

/** Limits leave room for some 10 to 60 s that a download takes, and for those who have the payload to be met. */
function drawSettings(random: Random, length: number): MachineSettings {
  const limit = (): number => Math.round(length / (10 + random.int(50)))
  return {
    strategy: ORDER_NAMES[random.int(ORDER_NAMES.length)]!,
    sync: SYNC_POLICIES[random.int(SYNC_POLICIES.length)]!,
    remembersComplete: random.int(2) === 0,
    ...(random.int(2) === 0 && { cacheBytes: 1 + random.int(length / 2) }),
    limits: {
      ...(random.int(4) === 0 && { maxUp: limit() }),
      ...(random.int(4) === 0 && { maxDown: limit() }),
      ...(random.int(4) === 0 && { maxPeers: 1 + random.int(4) }),
    },
  }
}

/** The first one, and some others. */
function drawContacts(random: Random, index: number, count: number): number[] {
  return indices(count).filter((other) => other !== index && (other === 0 || random.int(3) === 0))
}

const PATTERN_LENGTH = 2 ** 21
let pattern: Uint8Array | undefined

/** A part of one random text, which takes a hundredth of the time that it takes to write another; padding is zeros. */
function drawContent(random: Random, files: readonly FilePlan[], length: number): Uint8Array {
  pattern ??= new SeededRandom(1).fill(new Uint8Array(PATTERN_LENGTH))
  const begin = 8 * random.int((PATTERN_LENGTH - length) / 8)
  const text = pattern.subarray(begin, begin + length)
  if (!files.some(({ isPadding }) => isPadding)) return text
  const content = text.slice()
  let at = 0
  for (const file of files) {
    if (file.isPadding) content.fill(0, at, at + file.length)
    at += file.length
  }
  return content
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
