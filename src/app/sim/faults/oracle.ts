/**
 * Watches a running swarm, knows what everything should be, and reports the first broken promise. What is announced or served
 * is compared with the disk at that moment, what a process trusts once it has opened its payload, and everything at the end.
 */
import { SYNC_INTERVAL_MS } from '../../resume-keeper.ts'
import type { SyncPolicy } from '../../sync-policy.ts'
import { MAX_PINNED_TIMES } from '../../uploader.ts'
import type { WireMessage } from '../../../protocol/message.ts'
import type { Millis } from '../../../protocol/ports.ts'
import { FRESH_MS, LOOK_INTERVAL_MS } from '../../../storage/file-watch.ts'
import type { Ending, Machine, MachineEvent } from './machine.ts'
import type { Damage, SwarmWorld } from './swarm-world.ts'
import { WEB_SERVER } from './web-server.ts'

/** The promises, by the name under which a violation is reported. */
const INVARIANTS = {
  'true-have': 'a piece that is announced, in the log or to a peer, is right on disk',
  'true-block': 'a block that is served is right',
  'true-record': 'a piece that a start takes for good is right on disk',
  'durable-complete': 'what is reported complete would survive a power cut',
  'nothing-lost': 'a power cut takes nothing that was written long before it',
  'nothing-forgotten':
    'a start finds every piece that was there and still lies on the disk, but for what a power cut put in doubt',
  'no-failure': 'a session fails only when its disk does',
  'no-false-ban': 'nobody is banned who sent nothing wrong',
  'no-false-blame': 'among those who are blamed for a bad piece is one who sends such',
  'poisoners-banned': 'who must have spoilt a piece is banned before the download ends',
  private: 'nobody hears of peers of a private torrent from other peers',
  bounds: 'connections, timers and buffers stay within their limits',
  completion: 'all honest machines come to their end when everything works again',
  identity: 'the files are identical at the end',
  leaks: 'a node that is closed leaves no buffer, connection, socket or timer behind',
  'no-exception': 'nothing is thrown',
} as const
export type InvariantName = keyof typeof INVARIANTS

export interface Violation {
  readonly invariant: InvariantName
  readonly atMs: Millis
  readonly machine: number
  readonly message: string
}

/** A working disk must have made a piece durable that was written this long before a power cut. */
const DURABLE_AFTER: Readonly<Record<SyncPolicy, Millis>> = {
  none: Infinity,
  piece: 0,
  interval: 2 * SYNC_INTERVAL_MS + 2_000,
}
/** A seeder looks at its files every ten seconds, and passes nothing on from one that changed longer ago than that. */
const NOTICED_AFTER: Millis = LOOK_INTERVAL_MS + FRESH_MS + 2_000
/** Bounds are checked once in this many events. */
const BOUNDS_EVERY = 256
const MAX_TIMERS_PER_MACHINE = 100
/** Connections that two machines may have at once: each may dial, while an earlier one is breaking. */
const MAX_STREAMS_PER_PAIR = 8

/** In the machine's own time. */
interface Damaged {
  readonly at: Millis
  /** Until then it need not have noticed. */
  readonly excusedUntil: Millis
}

/** What the oracle knows about a machine. */
interface Book {
  /** Pieces that were damaged behind the machine's back. */
  readonly rotten: Map<number, Damaged>
  /** Since when each piece could have been made durable, in the machine's own time. */
  readonly had: Map<number, Millis>
  /** When its disk or its time was last out of order. */
  disturbedAt: Millis
  /** When its process ended for the first time since its payload was opened, and whether the power has failed since. */
  endedAt: Millis | undefined
  hasLostPower: boolean
  /** It sent something wrong, so that a ban is right. */
  isTainted: boolean
  /** It was banned by somebody. */
  isBanned: boolean
  isComplete: boolean
  /** What its session last failed with. */
  failure: string
  /** Peers that must have spoiled a piece of this process, because no other contributor could have, and are not banned yet. */
  readonly culprits: Set<string>
  /** Hosts that this process has banned. */
  readonly banned: Set<string>
  /** Pieces that were right on disk, by the number of its changes then. */
  readonly right: Map<number, number>
}

export class Oracle {
  readonly #world: SwarmWorld
  readonly #books: readonly Book[]
  /** Machines whose payload was opened in this event. */
  readonly #opened = new Set<Machine>()
  #violation: Violation | undefined
  #steps = 0

  constructor(world: SwarmWorld) {
    this.#world = world
    this.#books = world.machines.map(({ isHonest }) => ({
      rotten: new Map(),
      had: new Map(),
      disturbedAt: -Infinity,
      endedAt: undefined,
      hasLostPower: false,
      isTainted: !isHonest,
      isBanned: false,
      isComplete: false,
      failure: '',
      culprits: new Set(),
      banned: new Set(),
      right: new Map(),
    }))
  }

  /** The first one. */
  get violation(): Violation | undefined {
    return this.#violation
  }

  /** Events that happened. */
  get steps(): number {
    return this.#steps
  }

  /** Whether all honest machines have finished, except those that were rightly banned. */
  get isOver(): boolean {
    return this.late === undefined
  }

  onEvent(machine: Machine, event: MachineEvent): void {
    const book = this.#bookOf(machine)
    switch (event.event) {
      case 'resume':
        this.#opened.add(machine)
        return
      case 'have':
        book.rotten.delete(event.piece)
        book.had.set(event.piece, machine.options.clock.now())
        return this.#expectOnDisk(machine, event.piece, 'true-have', 'reported')
      case 'complete':
        book.isComplete = true
        return this.#onComplete(machine)
      case 'peer_banned':
        return this.#onBanned(machine, event.peer)
      case 'webseed_dropped':
        if (/^it (alone )?sent/.test(event.reason) && !this.#world.isWebLying)
          this.#fail('no-false-ban', machine, `dropped ${event.url}: ${event.reason}`)
        return
      case 'pex':
        if (this.#world.isPrivate) this.#fail('private', machine, `${event.peer} told it of peers`)
        return
      case 'hash_fail':
        return this.#onHashFail(machine, event.piece, event.peers)
      default:
    }
  }

  onSent(machine: Machine, to: string, message: WireMessage): void {
    if (!machine.isHonest) return
    if (message.type === 'have') this.#expectOnDisk(machine, message.piece, 'true-have', `told ${to}`)
    else if (message.type === 'bitfield')
      this.#forEachPiece((piece) => {
        if ((message.bytes[piece >> 3]! & (0x80 >> (piece & 7))) !== 0)
          this.#expectOnDisk(machine, piece, 'true-have', `told ${to}`)
      })
    else if (message.type === 'piece') {
      const { piece, begin, block } = message
      if (areSame(block, this.#world.contentOf(piece).subarray(begin, begin + block.length))) return
      const book = this.#bookOf(machine)
      if (this.#isExcused(machine, piece)) book.isTainted = true
      else this.#fail('true-block', machine, `sent ${to} a wrong block of piece ${piece}`)
    }
  }

  onDamaged(machine: Machine, piece: number, kind: Damage): void {
    const { rotten } = this.#bookOf(machine)
    // A download expects its files to change: it writes to them. A seeder looks after them.
    const isNoticed = machine.options.plan.role === 'seeder' && kind !== 'rot'
    const { clock, disk } = machine.options
    const at = clock.now()
    // A disk that hangs hangs until it is done with what it was asked before.
    const until = isNoticed ? Math.max(at, disk.idleAt) + NOTICED_AFTER : Infinity
    rotten.set(piece, { at, excusedUntil: Math.max(until, rotten.get(piece)?.excusedUntil ?? 0) })
  }

  onDisturbed(machine: Machine): void {
    this.#bookOf(machine).disturbedAt = machine.options.clock.now()
  }

  onDown(machine: Machine, how: Ending): void {
    const book = this.#bookOf(machine)
    book.endedAt ??= machine.options.clock.now()
    book.hasLostPower ||= how === 'power'
    book.isComplete = false
    book.culprits.clear()
    book.banned.clear()
  }

  /** After every event. */
  onStep(): void {
    this.#steps++
    for (const machine of this.#opened) this.#onOpened(machine)
    this.#opened.clear()
    if (this.#steps % BOUNDS_EVERY === 0) this.checkBounds()
  }

  /** Its session ended by itself. */
  onFailed(machine: Machine, why: string): void {
    const book = this.#bookOf(machine)
    book.failure = why
    const isExcused = book.disturbedAt > -Infinity || book.rotten.size > 0
    if (!isExcused && machine.isHonest) this.#fail('no-failure', machine, `its session failed: ${why}`)
  }

  checkBounds(): void {
    const { streams, machines } = this.#world
    const pairs = machines.length * (machines.length - 1)
    if (streams.streamCount > MAX_STREAMS_PER_PAIR * pairs)
      this.#fail('bounds', machines[0]!, `${streams.streamCount} connections`)
    const { length } = this.#world.metainfo.geometry
    for (const machine of machines) {
      const { timerCount } = machine
      if (timerCount > MAX_TIMERS_PER_MACHINE) this.#fail('bounds', machine, `${timerCount} timers`)
      const { bufferBytes: bytes = 0, peers = 0 } = machine.node?.snapshot() ?? {}
      // What is cached, what is being put together or written, and what is on its way to each peer with what was read beside it.
      if (bytes > (2 + MAX_PINNED_TIMES * peers) * length)
        this.#fail('bounds', machine, `${bytes} bytes of buffers`)
    }
  }

  /** All is still: checks that the disks hold what was asked for. */
  checkFiles(): void {
    for (const machine of this.#world.machines)
      if (machine.isHonest && !this.#bookOf(machine).isBanned)
        this.#forEachPiece((piece) => this.#expectOnDisk(machine, piece, 'identity', 'it is complete'))
  }

  /** Time is over. */
  onLate(): void {
    const { late } = this
    if (late === undefined) return
    const { failure } = this.#bookOf(late)
    this.#fail('completion', late, failure === '' ? 'it is not complete' : `it last failed with: ${failure}`)
  }

  /** For violations found by the runner. */
  fail(invariant: InvariantName, machine: Machine, message: string): void {
    this.#fail(invariant, machine, message)
  }

  /** Somebody honest who is not at its end. A seeder whose payload rotted has none, nor has who was banned by rights. */
  get late(): Machine | undefined {
    return this.#world.machines.find((machine) => {
      const { isBanned, isComplete, rotten } = this.#bookOf(machine)
      const isLost = isBanned || (machine.options.plan.role === 'seeder' && rotten.size > 0)
      return machine.isHonest && !isLost && !isComplete
    })
  }

  #onOpened(machine: Machine): void {
    const { session } = machine
    const book = this.#bookOf(machine)
    if (session === undefined || !machine.isHonest) return
    const now = machine.options.clock.now()
    const isDisturbed = book.disturbedAt >= now - 1 || machine.options.disk.faultOf('read') !== undefined
    const isDurable = this.#undurable(machine).length === 0
    const { endedAt = Infinity, hasLostPower } = book
    const durableAfter = DURABLE_AFTER[machine.options.plan.settings.sync]
    this.#forEachPiece((piece) => {
      const writtenAt = book.had.get(piece)
      if (session.has(piece)) {
        this.#expectOnDisk(machine, piece, 'true-record', 'taken for good')
        // What the last process wrote may not have been synced.
        if (writtenAt === undefined || !isDurable) book.had.set(piece, now)
        return
      }
      book.had.delete(piece)
      if (writtenAt === undefined || book.rotten.has(piece)) return
      // A power cut may take what was written lately, or only the note of it.
      if (book.disturbedAt >= writtenAt || (hasLostPower && writtenAt > endedAt - durableAfter)) return
      if (!this.#isRight(machine, piece)) this.#fail('nothing-lost', machine, `piece ${piece} is gone`)
      else if (!isDisturbed)
        this.#fail('nothing-forgotten', machine, `piece ${piece} was there, and is right on disk`)
    })
    book.endedAt = undefined
    book.hasLostPower = false
  }

  /** Files that a power cut would change. */
  #undurable({ files, options }: Machine): string[] {
    const paths = Array.from({ length: files.fileCount }, (_, file) => files.pathOf(file) ?? [])
    return paths.flat().filter((path) => !options.disk.isDurable(path))
  }

  #onComplete(machine: Machine): void {
    const { culprits, rotten } = this.#bookOf(machine)
    const [culprit] = culprits
    if (culprit !== undefined) this.#fail('poisoners-banned', machine, `${culprit} spoilt a piece`)
    const [path] =
      machine.options.plan.settings.sync === 'none' || rotten.size > 0 ? [] : this.#undurable(machine)
    if (path !== undefined) this.#fail('durable-complete', machine, `${path} is not synced`)
  }

  #onBanned(machine: Machine, peer: string): void {
    const host = hostOf(peer)
    this.#bookOf(machine).culprits.delete(host)
    this.#bookOf(machine).banned.add(host)
    const banned = this.#world.machineAt(host)
    if (banned === undefined) return
    const book = this.#bookOf(banned)
    book.isBanned = true
    if (!book.isTainted) this.#fail('no-false-ban', machine, `banned ${peer}`)
  }

  #onHashFail(machine: Machine, piece: number, peers: readonly string[]): void {
    const tainted = peers.filter((peer) => this.#isTainted(hostOf(peer)))
    if (tainted.length === 0)
      this.#fail('no-false-blame', machine, `piece ${piece} is bad, and came from ${peers.join(', ')}`)
    const { culprits, banned } = this.#bookOf(machine)
    const hosts = new Set(tainted.map(hostOf))
    const [culprit] = hosts
    // A web seed that lies is not banned but dropped.
    if (culprit !== undefined && culprit !== WEB_SERVER && hosts.size === 1 && !banned.has(culprit))
      culprits.add(culprit)
  }

  #isTainted(host: string): boolean {
    if (host === WEB_SERVER) return this.#world.isWebLying
    const sender = this.#world.machineAt(host)
    return sender !== undefined && this.#bookOf(sender).isTainted
  }

  #expectOnDisk(machine: Machine, piece: number, invariant: InvariantName, what: string): void {
    const isDamaged = invariant === 'identity' && this.#bookOf(machine).rotten.has(piece)
    if (!machine.isHonest || isDamaged || this.#isExcused(machine, piece)) return
    if (!this.#isRight(machine, piece))
      this.#fail(invariant, machine, `piece ${piece} is not right on disk, and ${what}`)
  }

  /** Whether it need not know that the piece is damaged: silently, lately, or while its disk did not answer as it should. */
  #isExcused(machine: Machine, piece: number): boolean {
    const { rotten, disturbedAt } = this.#bookOf(machine)
    const damaged = rotten.get(piece)
    return (
      damaged !== undefined &&
      (machine.options.clock.now() <= damaged.excusedUntil || disturbedAt >= damaged.at)
    )
  }

  #isRight(machine: Machine, piece: number): boolean {
    const { right } = this.#bookOf(machine)
    const { changes } = machine.options.disk
    if (right.get(piece) === changes) return true
    const found = machine.lookAt(piece)
    if (found === undefined || !areSame(found, this.#world.contentOf(piece))) return false
    right.set(piece, changes)
    return true
  }

  #forEachPiece(visit: (piece: number) => void): void {
    for (let piece = 0; piece < this.#world.metainfo.geometry.pieceCount; piece++) visit(piece)
  }

  #bookOf(machine: Machine): Book {
    return this.#books[machine.index]!
  }

  #fail(invariant: InvariantName, machine: Machine, message: string): void {
    this.#violation ??= { invariant, atMs: this.#world.clock.now(), machine: machine.index, message }
  }
}

/** `host:port` → `host` */
function hostOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'))
}

/** Whether the bytes are equal. Compares words where possible, since this is most of the oracle's cost. */
function areSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let at = 0
  if (((a.byteOffset | b.byteOffset) & 3) === 0) {
    const left = new Int32Array(a.buffer, a.byteOffset, a.length >> 2)
    const right = new Int32Array(b.buffer, b.byteOffset, b.length >> 2)
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false
    at = 4 * left.length
  }
  for (; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}
