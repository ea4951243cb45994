/**
 * Our own address, as others see it. Every reply says where it went to; that counts as one vote of the replier's
 * network, and an address is ours when most of several networks say so. What the Internet says and what our
 * own network says are counted apart: behind a NAT both are true.
 */
import {
  compactEndpoint,
  COMPACT_LENGTH,
  familyOf,
  mayTell,
  packHost,
  sameEndpoint,
  scopeOf,
  unpackEndpoint,
  type Endpoint,
} from '../protocol/endpoint.ts'
import { bytesEqual } from '../protocol/ids.ts'
import { LazyMap } from '../protocol/lazy-map.ts'
import type { Millis } from '../protocol/ports.ts'

/** Votes that an address needs, and their share of all. */
const MIN_VOTES = 5
const MIN_SHARE = 2 / 3
/** Votes that are kept, the latest of each network, and for how long. */
const MAX_VOTES = 50
const VOTE_LIFETIME: Millis = 5 * 60_000

interface Vote {
  readonly seen: Endpoint
  readonly at: Millis
}

export class ExternalAddress {
  readonly #public = new Ballot()
  readonly #local = new Ballot()
  #current: Endpoint | undefined
  /** The same, compact: nearly every vote is for it. */
  #compact: Uint8Array = new Uint8Array()
  readonly #onChange: (address: Endpoint) => void

  /** @param onChange an address was agreed upon that is not the one before; its port is 0 when they see several */
  constructor(onChange: (address: Endpoint) => void) {
    this.#onChange = onChange
  }

  /** What was agreed upon last; undefined as long as nothing was. The port is 0 while voters see different ones. */
  get current(): Endpoint | undefined {
    return this.#current
  }

  /**
   * @param voter answered a request of ours
   * @param ip our endpoint as the voter sees it, compact
   */
  onVote(voter: Endpoint, ip: Uint8Array, now: Millis): void {
    const family = familyOf(voter.host)
    if (ip.length !== COMPACT_LENGTH[family]) return
    const known = bytesEqual(ip, this.#compact) ? this.#current : undefined
    const seen = known ?? unpackEndpoint(ip, 0, family)
    const scope = scopeOf(voter.host)
    // How a machine sees itself is of no use to others.
    if (scope === 'loopback' || seen.port === 0 || !mayTell(scope, scopeOf(seen.host))) return
    const ballot = scope === 'public' ? this.#public : this.#local
    ballot.add(scope === 'public' ? networkOfVoter(voter.host) : voter.host, { seen, at: now })
    // One more vote for who has won already changes nothing.
    if (known === undefined) this.#elect(now)
  }

  #elect(now: Millis): void {
    const winner = this.#public.winner(now) ?? this.#local.winner(now)
    if (winner === undefined || (this.#current && sameEndpoint(winner, this.#current))) return
    this.#current = winner
    this.#compact = compactEndpoint(winner)
    this.#onChange(winner)
  }
}

class Ballot {
  /** By the voter's network, in the order of voting. */
  readonly #votes = new LazyMap<string, Vote>()

  add(network: string, vote: Vote): void {
    if (!this.#votes.delete(network) && this.#votes.size >= MAX_VOTES)
      this.#votes.delete(this.#votes.keys().next().value!)
    this.#votes.set(network, vote)
  }

  winner(now: Millis): Endpoint | undefined {
    for (const [network, { at }] of this.#votes) {
      if (at > now - VOTE_LIFETIME) break
      this.#votes.delete(network)
    }
    const votes = [...this.#votes.values()]
    if (votes.length < MIN_VOTES) return undefined
    const host = majority(votes.map(({ seen }) => seen.host))
    if (host === undefined) return undefined
    const ports = votes.filter(({ seen }) => seen.host === host).map(({ seen }) => seen.port)
    return { host, port: majority(ports) ?? 0 }
  }
}

/** What enough of all, and enough of them, say. */
function majority<T>(votes: readonly T[]): T | undefined {
  const counts = new Map<T, number>()
  for (const vote of votes) counts.set(vote, (counts.get(vote) ?? 0) + 1)
  for (const [vote, count] of counts) if (count >= MIN_VOTES && count >= MIN_SHARE * votes.length) return vote
  return undefined
}

/** Who on the Internet shares a vote: a /16, or a /32 of IPv6. In one's own network each host has one. */
function networkOfVoter(host: string): string {
  if (host.includes(':')) return packHost(host).subarray(0, 4).join('.')
  return host.slice(0, host.indexOf('.', host.indexOf('.') + 1))
}
