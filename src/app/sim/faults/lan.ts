/** The local network of a simulated swarm: all machines that have joined a group, including the sender, receive its messages; one in ten is lost. */
import type { Endpoint } from '../../../protocol/endpoint.ts'
import type { Clock, Millis, MulticastGroup, Random } from '../../../protocol/ports.ts'

const ONE_LOST_IN = 10
const PORT = 6771

export class SimLan {
  readonly #clock: Clock
  readonly #random: Random
  readonly #latencyMs: Millis
  readonly #isCutOff: (a: string, b: string) => boolean
  readonly #members = new Set<Member>()

  constructor(options: {
    readonly clock: Clock
    readonly random: Random
    readonly latencyMs: Millis
    /** Nothing passes between them now. */
    readonly isCutOff: (a: string, b: string) => boolean
  }) {
    this.#clock = options.clock
    this.#random = options.random
    this.#latencyMs = options.latencyMs
    this.#isCutOff = options.isCutOff
  }

  join(host: string, group: Endpoint): MulticastGroup {
    const member: Member = {
      host,
      group,
      send: (data) => this.#send(member, data.slice()),
      onDatagram: () => {},
      onInterface: () => {},
      onFailed: () => {},
      close: () => this.#members.delete(member),
    }
    this.#members.add(member)
    return member
  }

  #send({ host, group }: Member, data: Uint8Array): void {
    for (const to of this.#members) {
      if (to.group !== group || this.#isCutOff(host, to.host) || this.#random.int(ONE_LOST_IN) === 0) continue
      this.#clock.after(this.#latencyMs, () => {
        if (this.#members.has(to)) to.onDatagram(data, { host, port: PORT })
      })
    }
  }
}

interface Member extends MulticastGroup {
  readonly host: string
}
