/** What of the log people should not have to look for in it: a disk, a payload, a bootstrap node or a lonely download that they must see to. */
import type { NodeEvent } from '../src/app/event-level.ts'

export class Troubles {
  readonly #hasNamedBootstrap: boolean
  readonly #say: (sentence: string) => void
  #isStalled = false
  #isInDoubt = false
  #isAlone = false
  #hasMetPeer = false
  #isLonely = false

  /** @param hasNamedBootstrap whether the user expects DHT nodes to answer that he has named */
  constructor(hasNamedBootstrap: boolean, say: (sentence: string) => void) {
    this.#hasNamedBootstrap = hasNamedBootstrap
    this.#say = say
  }

  /** Each trouble is told when it begins and when it ends, however many events it takes. */
  onEvent(event: NodeEvent): void {
    switch (event.event) {
      case 'disk_error':
        // Without another try it ends the download, with a line of its own, or is about the resume file.
        if (event.retrySeconds === undefined) break
        if (!this.#isStalled) this.#say(`${event.message}: the download waits, and tries again`)
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
        if (this.#hasNamedBootstrap && !this.#isAlone)
          this.#say(`-bootstrap: ${event.reason}; the node must run, with the same -swarm-key and -dht-net`)
        this.#isAlone = true
        break
      case 'dht_bootstrap':
        if (this.#hasNamedBootstrap && this.#isAlone) this.#say('-bootstrap: the DHT is joined now')
        this.#isAlone = false
        break
      case 'joined_to_peer':
        this.#hasMetPeer = true
        if (this.#isLonely) this.#say(`${event.peer} is there now`)
        this.#isLonely = false
        break
    }
  }

  /** A download has looked for a while, and nobody sends it anything. */
  onNobodyThere(): void {
    if (this.#isLonely) return
    this.#isLonely = true
    this.#say(
      this.#hasMetPeer
        ? 'all peers are gone: waiting for one to come back'
        : 'nobody found yet: does a seeder run? -peer host:port names one that is not on this network',
    )
  }
}

function piecesAre(count: number): string {
  return count === 1 ? '1 piece is' : `${count} pieces are`
}
