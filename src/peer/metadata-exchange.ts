/**
 * `ut_metadata` (BEP 9): peers that know the info dictionary send it to those that have only its hash.
 *
 * The first attempt takes blocks of all peers that name the size which most of them name (of equals, the smaller one). When the whole does not have
 * the info hash, nobody can tell who lied, so that further attempts take all of one peer: a liar is found, and costs one
 * attempt.
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

/** Bytes of the largest info dictionary that is fetched. */
export const MAX_METADATA_LENGTH = 32 * 1024 * 1024
/** Blocks asked of one peer at a time. */
export const MAX_METADATA_REQUESTS = 4
/** An attempt that is not done by then ends, and those that it asked wait; so much more for each block. */
const ATTEMPT_TIMEOUT: Millis = 15_000
const ATTEMPT_TIMEOUT_PER_BLOCK: Millis = 500
/** A peer that rejected a block, or did not deliver, is asked again after so long. */
const PAUSE: Millis = 60_000
/** What one peer may ask for in a minute: the whole so often … */
export const MAX_METADATA_SERVINGS = 4
/** … and at least so many blocks. */
const MIN_SERVED_BLOCKS = 64
const SERVING_PERIOD: Millis = 60_000
/** Bytes that wait for a peer beyond which it is sent no further block: it does not read. */
const MAX_QUEUED_BYTES = 256 * 1024

/** As much of a connection as is needed here. */
export interface MetadataPeer {
  readonly id: number
  readonly address: string
  /** Bytes of the info dictionary, as the peer says. */
  readonly metadataSize: number | undefined
  readonly queuedBytes: number
  speaks(extension: string): boolean
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
  /** Not asked before. */
  notBefore: Millis
  /** What it asked of us since `servedSince`, in blocks. */
  served: number
  servedSince: Millis
}

export class MetadataExchange<Peer extends MetadataPeer> implements PeerExtension<Peer> {
  readonly name = 'ut_metadata'
  readonly #options: MetadataExchangeOptions<Peer>
  readonly #known = new Map<number, Known<Peer>>()
  #info: Uint8Array | undefined
  #assembly: MetadataAssembly | undefined
  /** An attempt with several peers has failed. */
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
    const known = this.#known.get(peer.id)
    if (known) known.notBefore = -Infinity
    else this.#known.set(peer.id, { peer, notBefore: -Infinity, served: 0, servedSince: -Infinity })
    this.#fill()
  }

  onMessage(peer: Peer, payload: Uint8Array): void {
    const message = decodeMetadataMessage(payload)
    const known = this.#known.get(peer.id)
    if (message === undefined || known === undefined) return
    if (message.type === 'request') return this.#onRequest(known, message.block)
    if (this.#info !== undefined) return
    if (message.type === 'reject') {
      known.notBefore = this.#options.clock.now() + PAUSE
      this.#assembly?.release(peer.id)
    } else if (this.#assembly?.put(message.block, peer.id, message.bytes)) this.#onBlock()
    this.#fill()
  }

  onClosed(peer: Peer): void {
    this.#known.delete(peer.id)
    this.#assembly?.release(peer.id)
    this.#fill()
  }

  round(now: Millis): void {
    const assembly = this.#assembly
    if (assembly !== undefined) {
      const group = this.#preferred(now).filter(({ peer }) => peer.metadataSize === assembly.size)
      const helpers = this.#helpers(assembly, group)
      const limit = ATTEMPT_TIMEOUT + ATTEMPT_TIMEOUT_PER_BLOCK * assembly.blockCount
      const isOverdue = now - assembly.startedAt > limit
      if (isOverdue) for (const each of helpers) each.notBefore = now + PAUSE
      if (isOverdue || helpers.length === 0) this.#assembly = undefined
    }
    this.#fill()
  }

  // Serving

  #onRequest(known: Known<Peer>, block: number): void {
    const { peer } = known
    const now = this.#options.clock.now()
    if (now - known.servedSince >= SERVING_PERIOD) {
      known.servedSince = now
      known.served = 0
    }
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

  // Fetching

  #fill(): void {
    if (this.#info !== undefined) return
    const now = this.#options.clock.now()
    this.#pauseSilent(now)
    const preferred = this.#preferred(now)
    const size = preferred[0]?.peer.metadataSize
    if (size === undefined) return
    if (this.#assembly?.size !== size)
      this.#assembly = new MetadataAssembly(size, now, this.#isSuspicious ? preferred[0]!.peer.id : undefined)
    for (const { peer } of this.#helpers(this.#assembly, preferred)) this.#ask(this.#assembly, peer, now)
  }

  /** Who does not answer would be asked for the same again, before others are. */
  #pauseSilent(now: Millis): void {
    for (const id of this.#assembly?.silent(now) ?? []) {
      const known = this.#known.get(id)
      if (known) known.notBefore = now + PAUSE
      this.#assembly!.release(id)
    }
  }

  #ask(assembly: MetadataAssembly, peer: Peer, now: Millis): void {
    for (let room = MAX_METADATA_REQUESTS - assembly.inFlight(peer.id, now); room > 0; room--) {
      const block = assembly.ask(peer.id, now)
      if (block < 0) return
      peer.sendExtended(this.name, encodeMetadataRequest(block))
    }
  }

  /** Of those that may be asked now, the largest group that names one size. */
  #preferred(now: Millis): readonly Known<Peer>[] {
    const groups = Map.groupBy(
      [...this.#known.values()].filter(({ peer, notBefore }) => now >= notBefore && this.#canHelp(peer)),
      ({ peer }) => peer.metadataSize!,
    )
    const isBetter = (a: readonly Known<Peer>[], b: readonly Known<Peer>[]): boolean =>
      a.length > b.length || (a.length === b.length && a[0]!.peer.metadataSize! < b[0]!.peer.metadataSize!)
    return [...groups.values()].reduce<readonly Known<Peer>[]>(
      (best, group) => (best.length === 0 || isBetter(group, best) ? group : best),
      [],
    )
  }

  #canHelp(peer: Peer): boolean {
    return (
      peer.metadataSize !== undefined && peer.metadataSize <= MAX_METADATA_LENGTH && peer.speaks(this.name)
    )
  }

  /** Those of a group that take part in an attempt. */
  #helpers({ sole }: MetadataAssembly, group: readonly Known<Peer>[]): readonly Known<Peer>[] {
    return sole === undefined ? group : group.filter(({ peer }) => peer.id === sole)
  }

  #onBlock(): void {
    const { hashes, infoHash, emit, onMetadata, onLiar } = this.#options
    const assembly = this.#assembly!
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
