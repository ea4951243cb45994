/**
 * `ut_metadata` (BEP 9): peers that know the info dictionary send it to those that have only its hash.
 *
 * Its blocks have no hashes of their own. The first attempt takes them from all peers that name the most common size (among equals, the
 * size that was named first). If the whole does not have the info hash, or takes too long while other peers name another size,
 * nobody can tell who lied; so each further attempt takes all blocks from one peer. Peers take turns: one that wastes its turn goes to
 * the end of the line, and a liar is found out. A late block is as good as any, and a peer that is the only one to ask has as
 * long as it needs.
 */
import { ProtocolError } from '../protocol/errors.ts'
import { bytesEqual, type InfoHash } from '../protocol/ids.ts'
import {
  decodeMetadataMessage,
  encodeMetadataData,
  encodeMetadataReject,
  encodeMetadataRequest,
  METADATA_BLOCK_LENGTH,
} from '../protocol/metadata-message.ts'
import type { Clock, Emit, Hashes, Millis } from '../protocol/ports.ts'
import type { PeerEvent } from './events.ts'
import { MetadataAssembly } from './metadata-assembly.ts'
import type { PeerExtension } from './peer-extension.ts'
import type { RemotePeer } from './remote-peer.ts'

/** Bytes of the largest info dictionary that is fetched. */
export const MAX_METADATA_LENGTH = 32 * 1024 * 1024
/** Blocks requested from one peer at a time. */
export const MAX_METADATA_REQUESTS = 4
/**
 * An attempt ends after this long; each block that comes extends it, unless peers that name another size are waiting. A peer
 * whose attempt has ended this way gets twice the time in the next one: it may be slow but honest.
 */
const ATTEMPT_TIMEOUT: Millis = 15_000
const ATTEMPT_TIMEOUT_PER_BLOCK: Millis = 500
/**
 * A block that has not come after this long is requested from another peer. The time doubles with each failure of a peer, up to a
 * limit: otherwise many that ask one slow seeder would all give up and ask again, for ever.
 */
const BLOCK_TIMEOUT: Millis = 8_000
const MAX_BLOCK_TIMEOUT: Millis = 64_000
/** A peer that has rejected a block, or not delivered one, is not asked again for this long. */
const PAUSE: Millis = 60_000
/** What a peer may request in a minute: the whole dictionary this often … */
export const MAX_METADATA_SERVINGS = 4
/** … and at least this many blocks. */
const MIN_SERVED_BLOCKS = 64
/** Blocks and rejects in a minute that answer no request: a few belong to an attempt that has ended, many are an attack. */
const MAX_STRAY_ANSWERS = 64
const BUDGET_PERIOD: Millis = 60_000
/** A peer for which more bytes wait than this does not read: it is sent no further block. */
const MAX_QUEUED_BYTES = 256 * 1024

/** As much of a connection as is needed here. */
export interface MetadataPeer {
  readonly id: number
  readonly address: string
  readonly remote: Pick<RemotePeer, 'metadataSize' | 'speaks'>
  readonly queuedBytes: number
  sendExtended(extension: string, payload: Uint8Array): boolean
}

export interface MetadataExchangeOptions<Peer> {
  readonly infoHash: InfoHash
  readonly clock: Clock
  readonly hashes: Hashes
  readonly emit: Emit<PeerEvent>
  /** The dictionary, which has the info hash, and the addresses of the peers that sent it. Called once at most. */
  readonly onMetadata: (info: Uint8Array, peers: readonly string[]) => void
  /** This peer alone sent a whole dictionary, which does not have the info hash. */
  readonly onLiar: (peer: Peer) => void
}

interface Known<Peer> {
  readonly peer: Peer
  /** The first size that it named: who changes it would undo what others have sent. */
  size: number | undefined
  /** Until then it is not asked. */
  notBefore: Millis
  /** How often it was asked in vain. */
  failures: number
  /** Since `budgetSince`: blocks that it has requested, and answers of it to no request of ours. */
  served: number
  strays: number
  budgetSince: Millis
}

/** A peer that can be asked. */
type Able<Peer> = Known<Peer> & { readonly size: number }

export class MetadataExchange<Peer extends MetadataPeer> implements PeerExtension<Peer> {
  readonly name = 'ut_metadata'
  readonly #options: MetadataExchangeOptions<Peer>
  /** In the order of their turns. */
  readonly #known = new Map<number, Known<Peer>>()
  #info: Uint8Array | undefined
  #assembly: MetadataAssembly | undefined
  /** The attempt with all peers of one size has failed: from now on one peer at a time is asked. */
  #isSuspicious = false

  constructor(options: MetadataExchangeOptions<Peer>) {
    this.#options = options
  }

  /** We know the dictionary: from now on others get it from us. */
  serve(info: Uint8Array): void {
    this.#info = info
    this.#assembly = undefined
  }

  onHandshake(peer: Peer): void {
    const known = this.#known.get(peer.id) ?? {
      peer,
      size: undefined,
      notBefore: -Infinity,
      failures: 0,
      served: 0,
      strays: 0,
      budgetSince: -Infinity,
    }
    known.size ??= peer.remote.metadataSize
    this.#known.set(peer.id, known)
    this.#fill()
  }

  onMessage(peer: Peer, payload: Uint8Array): void {
    const message = decodeMetadataMessage(payload)
    const known = this.#known.get(peer.id)
    if (message === undefined || known === undefined) return
    if (message.type === 'request') return this.#onRequest(known, message.block)
    if (this.#info !== undefined) return
    if (!this.#assembly?.onAnswer(message.block, peer.id)) return this.#onStray(known)
    const isBlock = message.type === 'data' && this.#assembly.put(message.block, peer.id, message.bytes)
    if (isBlock) this.#onBlock(known)
    else this.#onFailed(known)
    this.#fill()
  }

  onClosed(peer: Peer): void {
    this.#known.delete(peer.id)
    this.#assembly?.release(peer.id)
    this.#fill()
  }

  round(now: Millis): void {
    if (this.#assembly !== undefined && this.#isOverdue(this.#assembly, now)) this.#giveUp(this.#assembly)
    this.#fill()
  }

  // Serving

  #onRequest(known: Known<Peer>, block: number): void {
    const { peer } = known
    this.#renewBudget(known)
    const blocks = Math.ceil((this.#info?.length ?? 0) / METADATA_BLOCK_LENGTH)
    known.served++
    if (known.served > Math.max(MIN_SERVED_BLOCKS, MAX_METADATA_SERVINGS * blocks))
      throw new ProtocolError('wire.flood', 'metadata is asked for again and again')
    if (peer.queuedBytes > MAX_QUEUED_BYTES) return
    const answer =
      this.#info === undefined || block >= blocks
        ? encodeMetadataReject(block)
        : encodeMetadataData(block, this.#info)
    peer.sendExtended(this.name, answer)
  }

  #onStray(known: Known<Peer>): void {
    this.#renewBudget(known)
    if (++known.strays > MAX_STRAY_ANSWERS)
      throw new ProtocolError('wire.flood', 'metadata comes that nobody asked for')
  }

  #renewBudget(known: Known<Peer>): void {
    const now = this.#options.clock.now()
    if (now - known.budgetSince < BUDGET_PERIOD) return
    known.budgetSince = now
    known.served = known.strays = 0
  }

  // Fetching

  #fill(): void {
    if (this.#info !== undefined) return
    const now = this.#options.clock.now()
    for (const id of this.#assembly?.silent(now) ?? []) this.#onFailed(this.#known.get(id)!)
    const able = this.#able(now)
    const assembly = (this.#assembly = this.#isSuspicious ? this.#oneByOne(able) : this.#together(able))
    if (assembly === undefined) return
    for (const known of this.#helpers(assembly, able)) this.#ask(assembly, known, now)
  }

  #ask(assembly: MetadataAssembly, known: Able<Peer>, now: Millis): void {
    const { peer } = known
    for (let room = MAX_METADATA_REQUESTS - assembly.inFlight(peer.id, now); room > 0; room--) {
      const block = assembly.ask(peer.id, now, timeoutOf(known))
      if (block < 0) return
      peer.sendExtended(this.name, encodeMetadataRequest(block))
    }
  }

  /** Peers that can be asked now. */
  #able(now: Millis): readonly Able<Peer>[] {
    return [...this.#known.values()].filter(
      (known): known is Able<Peer> =>
        known.size !== undefined &&
        known.size <= MAX_METADATA_LENGTH &&
        now >= known.notBefore &&
        known.peer.remote.speaks(this.name),
    )
  }

  /** The attempt with the largest group of peers that name the same size. */
  #together(able: readonly Able<Peer>[]): MetadataAssembly | undefined {
    const current = this.#assembly
    const groups = [...Map.groupBy(able, ({ size }) => size)]
    const [best] = groups.toSorted(([, { length: a }], [, { length: b }]) => b - a)
    // While nobody can be asked, what was requested may still come.
    if (best === undefined || best[0] === current?.size) return current
    // A new majority has only what is left of the time: otherwise ever new ones could make the attempt last for ever.
    return new MetadataAssembly(best[0], current?.startedAt ?? this.#options.clock.now())
  }

  /** The attempt with the next peer in line, which keeps its turn until the attempt has ended. */
  #oneByOne(able: readonly Able<Peer>[]): MetadataAssembly | undefined {
    const current = this.#assembly
    if (able.some(({ peer }) => peer.id === current?.sole)) return current
    const [next] = able
    return next ? new MetadataAssembly(next.size, this.#options.clock.now(), next.peer.id) : current
  }

  /** The peers that take part in an attempt. */
  #helpers({ sole, size }: MetadataAssembly, able: readonly Able<Peer>[]): readonly Able<Peer>[] {
    return able.filter((known) => (sole === undefined ? known.size === size : known.peer.id === sole))
  }

  /** Whether nobody else can be asked now. */
  #isAlone(id: number, able: readonly Able<Peer>[]): boolean {
    return able.every(({ peer }) => peer.id === id)
  }

  /** Whether an attempt has taken too long, and there is something else to try: another size, or another peer alone. */
  #isOverdue({ sole, size, startedAt, receivedCount }: MetadataAssembly, now: Millis): boolean {
    const able = this.#able(now)
    const isContested = able.some((known) => known.size !== size)
    if (!isContested && (sole === undefined || this.#isAlone(sole, able))) return false
    const limit = ATTEMPT_TIMEOUT + (isContested ? 0 : ATTEMPT_TIMEOUT_PER_BLOCK * receivedCount)
    const { failures = 0 } = this.#known.get(sole ?? 0) ?? {}
    return now - startedAt > limit * 2 ** failures
  }

  /** One attacker can be a majority: who lies shows when each peer is asked alone. */
  #giveUp({ sole }: MetadataAssembly): void {
    const known = this.#known.get(sole ?? 0)
    if (known) this.#onFailed(known)
    this.#isSuspicious = true
    this.#assembly = undefined
  }

  #onFailed(known: Known<Peer>): void {
    const { id } = known.peer
    known.failures++
    known.notBefore = this.#options.clock.now() + PAUSE
    this.#known.delete(id)
    this.#known.set(id, known)
    this.#assembly?.release(id)
  }

  #onBlock(known: Known<Peer>): void {
    const { clock, hashes, infoHash, emit, onMetadata, onLiar } = this.#options
    const assembly = this.#assembly!
    const now = clock.now()
    const { id } = known.peer
    if (this.#isAlone(id, this.#able(now))) {
      known.notBefore = -Infinity
      assembly.renew(id, now, timeoutOf(known))
    }
    if (!assembly.isComplete) return
    const contributors = [...assembly.contributors]
    const peers = contributors.map((id) => this.#known.get(id)).filter((known) => known !== undefined)
    const addresses = peers.map(({ peer }) => peer.address)
    this.#assembly = undefined
    const info = assembly.join()
    if (bytesEqual(hashes.sha1(info), infoHash)) {
      this.serve(info)
      return onMetadata(info, addresses)
    }
    emit({ event: 'metadata_rejected', peers: addresses, reason: 'it does not have the info hash' })
    this.#isSuspicious = true
    if (contributors.length > 1) return
    for (const { peer } of peers) {
      this.#known.delete(peer.id)
      onLiar(peer)
    }
  }
}

/** How long a block may take: longer for a peer that has failed. */
function timeoutOf({ failures }: { readonly failures: number }): Millis {
  return Math.min(MAX_BLOCK_TIMEOUT, BLOCK_TIMEOUT * 2 ** failures)
}
