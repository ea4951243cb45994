/**
 * Our own address, as others see it. Every reply says where it was sent; that counts as one vote of the replier's network,
 * and we adopt an address when most of several networks agree on it. Votes from the Internet and from our own network are
 * counted separately: behind a NAT, both are true.
 */
import {
  familyOf,
  mayTell,
  packHostInto,
  sameEndpoint,
  scopeOf,
  type Endpoint,
  type Scope,
} from '../../protocol/endpoint.ts'
import type { Millis } from '../../protocol/ports.ts'

/** Votes that an address needs, and their share of all. */
const MIN_VOTES = 5
const MIN_SHARE = 2 / 3
/** Votes that are kept, the latest of each network, and for how long. */
const MAX_VOTES = 50
const VOTE_LIFETIME: Millis = 5 * 60_000

export interface AddressObserver {
  /** An address was agreed upon that is not the one before; its port is 0 when they see several. */
  onAgreed(address: Endpoint, before: Endpoint | undefined): void
}

export class ExternalAddress {
  /** Made for the first vote. */
  #public: Ballot | undefined
  #local: Ballot | undefined
  #current: Endpoint | undefined
  readonly #observer: AddressObserver

  constructor(observer: AddressObserver) {
    this.#observer = observer
  }

  /** What was agreed upon last, if anything. The port is 0 while voters see different ones. */
  get current(): Endpoint | undefined {
    return this.#current
  }

  /**
   * @param voter answered a request of ours
   * @param seen our endpoint as the voter sees it
   */
  onVote(voter: Endpoint, seen: Endpoint, now: Millis): void {
    if (familyOf(seen.host) !== familyOf(voter.host)) return
    const scope = scopeOf(voter.host)
    // How this machine sees itself is of no use to others.
    if (scope === 'loopback' || seen.port === 0 || !mayTell(scope, scopeOf(seen.host))) return
    const ballot = scope === 'public' ? (this.#public ??= new Ballot()) : (this.#local ??= new Ballot())
    ballot.add(voterOf(voter.host, scope), seen, now)
    // Another vote for the winner changes nothing.
    if (this.#current === undefined || !sameEndpoint(seen, this.#current)) this.#elect(now)
  }

  #elect(now: Millis): void {
    const winner = this.#public?.winner(now) ?? this.#local?.winner(now)
    if (winner === undefined || (this.#current && sameEndpoint(winner, this.#current))) return
    const before = this.#current
    this.#current = winner
    this.#observer.onAgreed(winner, before)
  }
}

/** Three parallel arrays, which are small, as every simulated node has them: who voted, when, for what. */
class Ballot {
  readonly #voters: number[] = []
  readonly #at: Millis[] = []
  readonly #seen: Endpoint[] = []

  /** A voter has one vote, its latest; beyond the limit, the oldest vote goes. */
  add(voter: number, seen: Endpoint, now: Millis): void {
    const known = this.#voters.indexOf(voter)
    const at = known >= 0 ? known : this.#voters.length < MAX_VOTES ? this.#voters.length : this.#oldest()
    this.#voters[at] = voter
    this.#at[at] = now
    this.#seen[at] = seen
  }

  winner(now: Millis): Endpoint | undefined {
    const votes = this.#seen.filter((_, at) => this.#at[at]! > now - VOTE_LIFETIME)
    const host = majority(votes.map((seen) => seen.host))
    if (host === undefined) return undefined
    const ports = votes.filter((seen) => seen.host === host).map(({ port }) => port)
    return { host, port: majority(ports) ?? 0 }
  }

  #oldest(): number {
    let oldest = 0
    for (let at = 1; at < this.#at.length; at++) if (this.#at[at]! < this.#at[oldest]!) oldest = at
    return oldest
  }
}

/** The address on which enough voters, and a large enough share of them, agree. */
function majority<T>(votes: readonly T[]): T | undefined {
  const counts = new Map<T, number>()
  for (const vote of votes) counts.set(vote, (counts.get(vote) ?? 0) + 1)
  for (const [vote, count] of counts) if (count >= MIN_VOTES && count >= MIN_SHARE * votes.length) return vote
  return undefined
}

/** For all: an array of its own would cost more than the vote. */
const voterAddress = new Uint8Array(16)

/**
 * Who shares a vote: on the Internet a /16, or a /32 of IPv6; in one's own network nobody. Where two hashes are equal, one
 * vote is lost.
 */
function voterOf(host: string, scope: Scope): number {
  const length = packHostInto(host, voterAddress, 0)
  const counted = scope === 'public' ? (length === 4 ? 2 : 4) : length
  let voter = 0
  for (let i = 0; i < counted; i++) voter = (Math.imul(voter, 0x0100_0193) ^ voterAddress[i]!) >>> 0
  return voter
}
