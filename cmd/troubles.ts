/** What of the log people should not have to look for in it: a disk or a payload that they must see to. */
import type { NodeEvent } from '../src/app/event-level.ts'

export class Troubles {
  readonly #say: (sentence: string) => void
  #isStalled = false
  #isInDoubt = false

  constructor(say: (sentence: string) => void) {
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
        this.#isInDoubt = false
        this.#say(
          event.have === event.pieces
            ? 'all pieces are good again'
            : `${event.have} of ${event.pieces} pieces are good; the others are not what the metainfo says, and not served`,
        )
        break
    }
  }
}

function piecesAre(count: number): string {
  return count === 1 ? '1 piece is' : `${count} pieces are`
}
