/**
 * `ut_metadata` (BEP 9): peers that know the info dictionary send it to those that have only its hash.
 *
 * The first attempt takes blocks of all peers that name the size which most of them name (of equals, who came first).
 * When the whole does not have the info hash, or takes too long while others name another size, nobody can tell who lied,
 * so that further attempts take all of one peer. They have turns: whoever wastes one goes to the end of the line, and who lies
 * is found. Blocks that come late are as good as others, and who sends them alone has all the time that it needs.
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
 * An attempt that is not done by then ends; each block that comes extends it by so much, unless others wait that name another
 * size. A peer that was given up gets twice the time when it is asked again: it may be slow, and honest.
 */
const ATTEMPT_TIMEOUT: Millis = 15_000
const ATTEMPT_TIMEOUT_PER_BLOCK: Millis = 500
/**
 * A block that has not come by then is requested from another peer. Doubled for each earlier failure of the peer, up to a limit:
 * many that ask a slow peer at once would otherwise all give up, and ask again, for ever.
 */
const BLOCK_TIMEOUT: Millis = 8_000
const MAX_BLOCK_TIMEOUT: Millis = 64_000
/** A peer that rejected a block, or did not deliver, is asked again after so long. */
const PAUSE: Millis = 60_000
/** What one peer may request in a minute: the whole this often … */
export const MAX_METADATA_SERVINGS = 4
/** … and at least so many blocks. */
const MIN_SERVED_BLOCKS = 64
/** Blocks and rejects in a minute that answer no request: some belong to an attempt that has ended, many are an attack. */
const MAX_STRAY_ANSWERS = 64
const BUDGET_PERIOD: Millis = 60_000
/** Bytes that wait for a peer, beyond which it is sent no further block because it does not read. */
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
  /** The dictionary, which has the info hash, and the addresses of those who sent it. Called once at most. */
  readonly onMetadata: (info: Uint8Array, peers: readonly string[]) => void
  /** It alone sent a whole that does not have the info hash. */
  readonly onLiar: (peer: Peer) => void
}

interface Known<Peer> {
  readonly peer: Peer
  /** The first size that it named: who changes it would undo what others have sent. */
  size: number | undefined
  /** Not asked before. */
  notBefore: Millis
  /** How often it was asked in vain. */
  failures: number
  /** What it asked of us since `budgetSince`, in blocks, and its answers that we did not ask for. */
  served: number
  strays: number
  budgetSince: Millis
}

/** One that can be asked. */
type Able<Peer> = Known<Peer> & { readonly size: number }

export class MetadataExchange<Peer extends MetadataPeer> implements PeerExtension<Peer> {
  readonly name = 'ut_metadata'
  readonly #options: MetadataExchangeOptions<Peer>
  /** In the order of their turns. */
  readonly #known = new Map<number, Known<Peer>>()
  #info: Uint8Array | undefined
  #assembly: MetadataAssembly | undefined
  /** An attempt with all that name one size has failed: from now on it is one peer at a time. */
  #isSuspicious = false

  constructor(options: MetadataExchangeOptions<Peer>) {
    this.#options = options
  }

  /** The dictionary is known: from now on others get it. */
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

  /** Who may be asked now. */
  #able(now: Millis): readonly Able<Peer>[] {
    return [...this.#known.values()].filter(
      (known): known is Able<Peer> =>
        known.size !== undefined &&
        known.size <= MAX_METADATA_LENGTH &&
        now >= known.notBefore &&
        known.peer.remote.speaks(this.name),
    )
  }

  /** With the largest group that names one size. */
  #together(able: readonly Able<Peer>[]): MetadataAssembly | undefined {
    const current = this.#assembly
    const groups = [...Map.groupBy(able, ({ size }) => size)]
    const [best] = groups.toSorted(([, { length: a }], [, { length: b }]) => b - a)
    // While nobody can be asked, what was asked for may still come.
    if (best === undefined || best[0] === current?.size) return current
    // Whoever takes over has what is left of the time: ever new majorities would take all of it.
    return new MetadataAssembly(best[0], current?.startedAt ?? this.#options.clock.now())
  }

  /** With whoever is next in line; it keeps its turn until the attempt has ended. */
  #oneByOne(able: readonly Able<Peer>[]): MetadataAssembly | undefined {
    const current = this.#assembly
    if (able.some(({ peer }) => peer.id === current?.sole)) return current
    const [next] = able
    return next ? new MetadataAssembly(next.size, this.#options.clock.now(), next.peer.id) : current
  }

  /** Those who take part in an attempt. */
  #helpers({ sole, size }: MetadataAssembly, able: readonly Able<Peer>[]): readonly Able<Peer>[] {
    return able.filter((known) => (sole === undefined ? known.size === size : known.peer.id === sole))
  }

  /** Nobody else can be asked now. */
  #isAlone(id: number, able: readonly Able<Peer>[]): boolean {
    return able.every(({ peer }) => peer.id === id)
  }

  /** To give up what comes slowly helps only if there is something else to try: another size, or somebody else alone. */
  #isOverdue({ sole, size, startedAt, receivedCount }: MetadataAssembly, now: Millis): boolean {
    const able = this.#able(now)
    const isContested = able.some((known) => known.size !== size)
    if (!isContested && (sole === undefined || this.#isAlone(sole, able))) return false
    const limit = ATTEMPT_TIMEOUT + (isContested ? 0 : ATTEMPT_TIMEOUT_PER_BLOCK * receivedCount)
    const { failures = 0 } = this.#known.get(sole ?? 0) ?? {}
    return now - startedAt > limit * 2 ** failures
  }

  /** A majority may be bought: who lies shows when each is asked alone. */
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

/** How long a block may take: longer for who has failed. */
function timeoutOf({ failures }: { readonly failures: number }): Millis {
  return Math.min(MAX_BLOCK_TIMEOUT, BLOCK_TIMEOUT * 2 ** failures)
}
