/** What of the log people should not have to look for in it: a disk, a payload, a clock, somebody they named or a lonely download that they must see to. */
import type { Config } from '../src/app/config.ts'
import type { NodeEvent } from '../src/app/event-level.ts'
import { formatDuration } from '../src/app/quantity.ts'
import { ERROR_CODES, type ErrorCode } from '../src/protocol/errors.ts'
import { NamedPeers } from './named-peers.ts'

/** Sentences about peers and trackers: of a thousand that were named the log tells. */
const MAX_TOLD_ABSENT = 20
/** Trackers of the torrent whose last failure is remembered: the log has them all. */
const MAX_FAILING_TRACKERS = 20

/** Whom, and where, the user expects something of. */
export type Named = Pick<Config, 'bootstrap' | 'peer' | 'tracker' | 'stateDir'>

export class Troubles {
  readonly #named: Named
  readonly #peers: NamedPeers
  /** Where they are: events hide what of a path may be a passkey. */
  readonly #trackers: ReadonlySet<string>
  /** Peers and trackers of those that do not answer, and of whom this was told. */
  readonly #absent = new Set<string>()
  #toldAbsent = 0
  /** Trackers that the torrent names and whose last announce failed, with the reason. */
  readonly #failing = new Map<string, string>()
  /** One that is on the blocklist. */
  #blocked: Extract<NodeEvent, { event: 'peer_blocked' }> | undefined
  #hasToldBlocked = false
  readonly #say: (sentence: string) => void
  #isStalled = false
  #isInDoubt = false
  #isAlone = false
  #hasToldClock = false
  #hasMetPeer = false
  #isLonely = false
  #isShort = false

  constructor(named: Named, say: (sentence: string) => void) {
    this.#named = named
    this.#trackers = new Set(named.tracker.map(serverOf))
    this.#peers = new NamedPeers(named.peer)
    this.#say = say
  }

  /** Each trouble is told when it begins and when it ends, however many events it takes. */
  onEvent(event: NodeEvent): void {
    const hasNamedBootstrap = this.#named.bootstrap.length > 0
    switch (event.event) {
      case 'disk_error':
        // Without another try it ends the download, with a line of its own, or is about the resume file.
        if (event.retrySeconds === undefined) break
        if (!this.#isStalled) this.#say(`${event.message}: the download waits, and will try again`)
        this.#isStalled = true
        break
      case 'disk_recovered':
        this.#isStalled = false
        this.#say('writing works again')
        break
      case 'disk_doubt':
        if (!this.#isInDoubt)
          this.#say(`${event.message}: ${piecesAre(event.pieces)} not served until found good again`)
        this.#isInDoubt = true
        break
      case 'disk_verdict':
        // Of much that is in doubt each part has a verdict of its own.
        if (event.retrySeconds === 0) break
        this.#isInDoubt = false
        this.#say(
          `${event.bad > 0 ? `${piecesAre(event.bad)} not what the metainfo says` : 'they are good'}: ${event.have} of ${event.pieces} are served`,
        )
        break
      case 'dht_bootstrap_failed':
        if (hasNamedBootstrap && !this.#isAlone)
          this.#say(`-bootstrap: ${event.reason}; the node must run, with the same -swarm-key and -dht-net`)
        this.#isAlone = true
        break
      case 'dht_clock':
        if (!this.#hasToldClock) this.#say(clocksDiffer(event))
        this.#hasToldClock = true
        break
      case 'dht_bootstrap':
        if (hasNamedBootstrap && this.#isAlone) this.#say('-bootstrap: joined the DHT')
        this.#isAlone = false
        break
      case 'dht_table_failed':
        // Both families have a table in one folder.
        if (this.#named.stateDir && event.operation !== 'load') this.#onAbsent('-state-dir', event.reason)
        break
      case 'peer_failed':
        for (const name of this.#peers.onFailed(event.peer))
          this.#onAbsent(`-peer ${name}`, meaningOf(event.reason))
        break
      case 'peer_resolved':
        this.#peers.onResolved(event.peer, event.addresses)
        break
      case 'peer_left':
        this.#peers.onLeft(event.peer)
        break
      case 'peer_blocked':
        this.#blocked ??= event
        break
      case 'webseed_dropped':
        this.#onAbsent(`web seed ${event.url}`, `${event.reason}; it is no longer used`)
        break
      case 'tracker_error':
        if (this.#trackers.has(serverOf(event.tracker)))
          this.#onAbsent(`-tracker ${event.tracker}`, event.reason)
        else if (this.#failing.has(event.tracker) || this.#failing.size < MAX_FAILING_TRACKERS)
          this.#failing.set(event.tracker, event.reason)
        break
      case 'tracker_announce':
        this.#failing.delete(event.tracker)
        this.#onPresent(`-tracker ${event.tracker}`)
        this.#onPresent(`tracker ${event.tracker}`)
        break
      case 'have':
        this.#isShort = false
        break
      case 'joined_to_peer':
        this.#hasMetPeer = true
        this.#onJoined(event.peer)
        break
    }
  }

  /** A download is connected, gets nothing, and nobody there offers all of it. */
  onShortage(shortage: string): void {
    if (!this.#isShort)
      this.#say(`nothing arrives, because ${shortage}: waiting for somebody who offers the rest`)
    this.#isShort = true
  }

  /** Nobody is connected. Of the trackers that a torrent names some are always dead, and a blocklist blocks, but now they may be why. */
  onSolitude(): void {
    for (const [tracker, reason] of this.#failing) this.#onAbsent(`tracker ${tracker}`, reason)
    if (this.#blocked === undefined || this.#hasToldBlocked) return
    this.#hasToldBlocked = true
    const { peer, direction, rule } = this.#blocked
    this.#say(
      `-blocklist: ${peer} was ${direction === 'out' ? 'not dialled' : 'turned away'} because of '${rule}'`,
    )
  }

  #onJoined(peer: string): void {
    const names = this.#peers.onJoined(peer)
    const isTold = names.filter((name) => this.#onPresent(`-peer ${name}`)).length > 0
    if (!isTold && this.#isLonely) this.#say(`${peer} is there now`)
    this.#isLonely = false
  }

  #onAbsent(who: string, reason: string): void {
    if (this.#absent.has(who) || this.#toldAbsent >= MAX_TOLD_ABSENT) return
    this.#absent.add(who)
    this.#toldAbsent++
    this.#say(`${who}: ${reason}`)
  }

  /** @returns whether it was told to be absent */
  #onPresent(who: string): boolean {
    const wasTold = this.#absent.delete(who)
    if (wasTold) this.#say(`${who}: is there now`)
    return wasTold
  }

  /**
   * A download has looked for a while, and nobody is connected.
   *
   * @param found peers that it was told of
   */
  onNobodyThere(found: number): void {
    if (this.#isLonely) return
    this.#isLonely = true
    this.#say(this.#hasMetPeer ? 'all peers are gone: waiting for one to come back' : whyNobody(found))
  }
}

function whyNobody(found: number): string {
  if (found === 0)
    return 'nobody found yet: is a seeder running? -peer host:port names one that is not on this network'
  const peers =
    found === 1 ? '1 peer was found and does not answer' : `${found} peers were found and do not answer`
  return `${peers}: is a seeder still running, and does its firewall let you in?`
}

function clocksDiffer({ node, aheadSeconds }: Extract<NodeEvent, { event: 'dht_clock' }>): string {
  const how = aheadSeconds > 0 ? 'ahead of' : 'behind'
  return `the clock of ${node} is ${formatDuration(Math.abs(aheadSeconds))} ${how} ours: with a -swarm-key they must agree within two minutes`
}

/** What an error code of an event means. */
function meaningOf(code: string): string {
  return Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as ErrorCode][1] : code
}

function serverOf(url: string): string {
  const parsed = URL.parse(url)
  return parsed === null ? url : `${parsed.protocol}//${parsed.host}`
}

function piecesAre(count: number): string {
  return count === 1 ? '1 piece is' : `${count} pieces are`
}
