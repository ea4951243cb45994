/** Whom we let download (BEP 3: "Choking and optimistic unchoking"). */
import type { Millis } from '../protocol/ports.ts'

/** What the choker judges a peer by. */
export interface ChokerPeer {
  /** Unique in the session. */
  readonly id: number
  readonly isInterested: boolean
  /** It receives blocks, or waits for some that it has requested: it uses its slot. */
  readonly isTaking: boolean
  /** Its address: slots are shared out between addresses first, then between the peers behind one. */
  readonly host: string
  /** It lets us download, and has not sent all that we have requested. */
  readonly isAsked: boolean
  /** Payload bytes per second that it sends us. */
  readonly downloadRate: number
  /** Pieces that only it got from us, and that nobody else has yet: it does not pass them on. */
  readonly unspreadCount: number
}

export interface ChokerSituation {
  readonly now: Millis
  /** We have everything: nobody can give us anything for what we send. */
  readonly isSeeding: boolean
  readonly slots: number
}

export interface ChokeDecision {
  readonly id: number
  readonly action: 'choke' | 'unchoke'
  readonly reason: string
}

/** Peers that may download at the same time, however little we can send. */
export const MIN_SLOTS = 4
/** Peers that may download at the same time, however much we can send. */
export const MAX_SLOTS = 64
/** Without a limit, slots that are given before we know how much we can send. */
const UNMEASURED_SLOTS = 16
/** Bytes per second for each slot: with less, a few fast transfers would become many slow ones, of little use to anybody. */
const SLOT_RATE = 65_536
/** So often all slots are reassigned (BEP 3: ten seconds); in between, only free ones are given away. */
export const REVIEW: Millis = 10_000
/** One slot in so many, and at least one, goes to whoever has waited longest, whatever it sends us: the optimistic unchoke of BEP 3. */
const OPTIMISTIC_ONE_IN = 5
/** A peer that wants or takes nothing keeps its slot for so long although others wait: it may soon want something again. */
export const GRACE: Millis = 2_000
/** How long an optimistic slot is held (BEP 3: thirty seconds). */
export const OPTIMISTIC_TURN: Millis = 30_000
/** A peer that owes us blocks and sends none for this long snubs us: it gets a slot only when nobody else wants it. */
export const SNUB: Millis = 60_000
/** A seeder reassigns one in so many of its slots in a review. */
const TURNOVER_ONE_IN = 4

/**
 * How many may download at once.
 *
 * @param limit bytes per second that we may send, or `Infinity`
 * @param rate bytes per second that we do send
 */
export function slotCount(limit: number, rate: number): number {
  if (limit !== Infinity) return clamp(limit / SLOT_RATE, MIN_SLOTS)
  return clamp(rate / SLOT_RATE, UNMEASURED_SLOTS)
}

function clamp(slots: number, min: number): number {
  return Math.max(min, Math.min(Math.floor(slots), MAX_SLOTS))
}

interface Standing {
  peer: ChokerPeer
  /** When it got its slot, or began to wait for one. */
  since: Millis
  isUnchoked: boolean
  /** Of one that has a slot: it got it for having waited. */
  isOptimistic: boolean
  /** Since when it has owed us blocks and sent none. */
  silentSince: Millis | undefined
  /** When it last had use for a slot. */
  usedAt: Millis
}

/**
 * While we download, slots go to those that send us most, and a few to those that have waited longest, who may turn out to send
 * even more. Once we have everything, slots go round; those that pass on least of what they get give theirs up first. A free slot goes
 * to the address that has fewest, so that nobody gets more by running more peers.
 *
 * It remembers whom it has unchoked, so all its decisions must be carried out. A new peer counts as choked (BEP 3).
 */
export class Choker {
  /** Peers that are interested, and those that no longer are but still have a slot. */
  readonly #standings = new Map<number, Standing>()
  #reviewedAt: Millis | undefined
  // Of the call of `decide` that is under way.
  #now: Millis = 0
  #decisions: ChokeDecision[] = []

  isUnchoked(id: number): boolean {
    return this.#standings.get(id)?.isUnchoked ?? false
  }

  /**
   * To be called in every round, and whenever a peer becomes interested, loses interest or leaves.
   *
   * @param peers all that are connected
   */
  decide(peers: Iterable<ChokerPeer>, { now, isSeeding, slots }: ChokerSituation): ChokeDecision[] {
    this.#now = now
    this.#decisions = []
    this.#note(peers)
    this.#evict(slots)
    // While everybody has a slot, no review is due. Once somebody waits, the first one comes a whole interval later.
    if (this.#standings.size <= slots) this.#reviewedAt = now
    else if (now - (this.#reviewedAt ??= now) >= REVIEW) {
      this.#reviewedAt = now
      if (isSeeding) this.#turnOver(slots)
      else this.#reward(slots)
    }
    this.#fill(slots)
    return this.#decisions
  }

  #note(peers: Iterable<ChokerPeer>): void {
    const now = this.#now
    const gone = new Set(this.#standings.keys())
    for (const peer of peers) {
      const standing = this.#standings.get(peer.id)
      // Leechers that have the same pieces gain and lose interest in each other with every piece: who had a slot keeps it for now.
      if (!peer.isInterested && !standing?.isUnchoked) continue
      gone.delete(peer.id)
      if (standing === undefined) {
        const waiting = { isUnchoked: false, isOptimistic: false, silentSince: undefined, usedAt: now }
        this.#standings.set(peer.id, { peer, since: now, ...waiting })
        continue
      }
      standing.peer = peer
      if (peer.isInterested && (peer.isTaking || !standing.isUnchoked)) standing.usedAt = now
      standing.silentSince =
        peer.isAsked && peer.downloadRate === 0 ? (standing.silentSince ?? now) : undefined
    }
    for (const id of gone) this.#standings.delete(id)
  }

  /** While more peers want slots than there are, those that want or take nothing give theirs up. */
  #evict(slots: number): void {
    let excess = this.#standings.size - slots
    for (const [id, standing] of this.#standings) {
      if (excess <= 0) return
      if (this.#now - standing.usedAt < GRACE) continue
      const { isInterested } = standing.peer
      this.#choke(
        standing,
        `${isInterested ? 'it takes nothing' : 'not interested any more'}, and others wait`,
      )
      this.#standings.delete(id)
      excess--
    }
  }

  /** Tit for tat: slots go to those that send us most. Optimistic ones stay with their holders until their turn is over. */
  #reward(slots: number): void {
    const now = this.#now
    const optimisticSlots = Math.max(1, Math.floor(slots / OPTIMISTIC_ONE_IN))
    const givers = [...this.#standings.values()].filter(({ peer }) => peer.downloadRate > 0)
    givers.sort((a, b) => b.peer.downloadRate - a.peer.downloadRate || bySeniority(a, b))
    const rewarded = new Set(givers.slice(0, slots - optimisticSlots))
    const others = this.#unchoked().filter((standing) => !rewarded.has(standing))
    const onTrial = others.filter(
      ({ isOptimistic, since, silentSince }) =>
        isOptimistic && now - since < OPTIMISTIC_TURN && !isSnub(silentSince, now),
    )
    const kept = new Set(onTrial.sort((a, b) => bySeniority(b, a)).slice(0, optimisticSlots))
    for (const standing of others) {
      if (kept.has(standing)) continue
      const isSnubbing = isSnub(standing.silentSince, now)
      this.#choke(standing, isSnubbing ? 'it owes us blocks and sends none' : 'others send us more, or wait')
    }
    for (const standing of rewarded) {
      standing.isOptimistic = false
      if (!standing.isUnchoked) this.#unchoke(standing, 'it sends us more than others')
    }
  }

  /** Takes slots from the addresses that have most; there from peers that pass on least, then from those that had them longest. */
  #turnOver(slots: number): void {
    const served = this.#unchoked()
    const waiting = this.#standings.size - served.length
    const excess = Math.max(0, served.length - slots)
    const turnover = Math.min(waiting, Math.ceil(slots / TURNOVER_ONE_IN))
    const slotsAt = this.#slotsByHost()
    served.sort(
      (a, b) =>
        slotsAt.get(b.peer.host)! - slotsAt.get(a.peer.host)! ||
        b.peer.unspreadCount - a.peer.unspreadCount ||
        bySeniority(a, b),
    )
    for (const standing of served.slice(0, Math.max(excess, turnover)))
      this.#choke(standing, 'its turn is over, and others wait')
  }

  #fill(slots: number): void {
    const free = slots - this.#unchoked().length
    if (free <= 0) return
    const waiting = [...this.#standings.values()].filter(({ isUnchoked }) => !isUnchoked)
    const slotsAt = this.#slotsByHost()
    const isLast = ({ silentSince }: Standing): number => Number(isSnub(silentSince, this.#now))
    const byClaim = (a: Standing, b: Standing): number =>
      isLast(a) - isLast(b) ||
      (slotsAt.get(a.peer.host) ?? 0) - (slotsAt.get(b.peer.host) ?? 0) ||
      bySeniority(a, b)
    for (let left = Math.min(free, waiting.length); left > 0; left--) {
      const next = waiting.reduce((best, standing) => (byClaim(standing, best) < 0 ? standing : best))
      waiting.splice(waiting.indexOf(next), 1)
      slotsAt.set(next.peer.host, (slotsAt.get(next.peer.host) ?? 0) + 1)
      next.isOptimistic = true
      this.#unchoke(next, 'a slot is free, and it has waited longest')
    }
  }

  #slotsByHost(): Map<string, number> {
    const slots = new Map<string, number>()
    for (const { peer } of this.#unchoked()) slots.set(peer.host, (slots.get(peer.host) ?? 0) + 1)
    return slots
  }

  #unchoked(): Standing[] {
    return [...this.#standings.values()].filter(({ isUnchoked }) => isUnchoked)
  }

  #choke(standing: Standing, reason: string): void {
    standing.isUnchoked = false
    standing.since = this.#now
    this.#decisions.push({ id: standing.peer.id, action: 'choke', reason })
  }

  #unchoke(standing: Standing, reason: string): void {
    standing.isUnchoked = true
    standing.since = standing.usedAt = this.#now
    this.#decisions.push({ id: standing.peer.id, action: 'unchoke', reason })
  }
}

function isSnub(silentSince: Millis | undefined, now: Millis): boolean {
  return silentSince !== undefined && now - silentSince >= SNUB
}

function bySeniority(a: Standing, b: Standing): number {
  return a.since - b.since || a.peer.id - b.peer.id
}
