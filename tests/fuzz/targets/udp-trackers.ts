import { SimClock } from '../../../src/app/sim/clock.ts'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { MAX_UDP_ATTEMPTS, UdpTrackers } from '../../../src/peer/tracker/udp-client.ts'
import { sameEndpoint, type Endpoint } from '../../../src/protocol/endpoint.ts'
import { SwarmError } from '../../../src/protocol/errors.ts'
import type { InfoHash, PeerId } from '../../../src/protocol/ids.ts'
import type { Datagrams } from '../../../src/protocol/ports.ts'
import type { Announce } from '../../../src/protocol/tracker/announce.ts'
import { claim } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'

const TRACKERS: readonly Endpoint[] = [
  { host: '192.0.2.1', port: 6_969 },
  { host: '192.0.2.1', port: 6_970 },
  { host: '2001:db8::1', port: 6_969 },
]
const CODES: ReadonlySet<string> = new Set(['tracker.failure', 'tracker.malformed', 'net.timeout'])
const MAX_QUESTIONS = 32
const LONG = 1_000_000

const announce: Announce = {
  infoHash: new Uint8Array(20).fill(1) as InfoHash,
  peerId: new Uint8Array(20).fill(2) as PeerId,
  kind: 'started',
  port: 6_881,
  uploaded: 0,
  downloaded: 0,
  left: 1,
  numWant: 50,
  key: 7,
}

export const target: FuzzTarget = {
  sources: ['peer/tracker/udp-client.ts', 'protocol/tracker/udp.ts'],
  maxLength: 512,
  maxAllocation: () => 2 ** 23,

  // Steps: `a` announces, `s` scrapes, `t` lets time pass; any other byte begins a datagram of so many bytes, see below.
  seeds: () => {
    const connect = '\u0010\u0080\0\0\0\0....connid--'
    const peers = '\u001a\u0080\0\0\0\u0001....\0\0\u0007\b\0\0\0\u0001\0\0\0\u0002\n\0\0\u0001\u001a'
    return [
      `a0${connect}${peers}`,
      `s1t\u0001${connect}\u0014\u0080\0\0\0\u0002....\0\0\0\u0001\0\0\0\u0002\0\0\0\u0003`,
      `a2${connect}\u000b\u0080\0\0\0\u0003....bad`,
      `a0a1${connect}t\u0030s0${connect}${peers}t\u00ff`,
      `a0\u0010\0\0\0\0\0....connid--`,
    ].map(latin1)
  },

  run(data) {
    new Play().run(data)
  },
}

class Play {
  readonly #clock = new SimClock()
  readonly #sockets: Datagrams[] = []
  readonly #trackers = new UdpTrackers({
    clock: this.#clock,
    random: new SeededRandom(1),
    openUdp: () => this.#open(),
  })
  /** What was sent last, and to whom. */
  #last: { readonly transaction: Uint8Array; readonly to: Endpoint } | undefined
  #questions = 0
  #answers = 0
  #sent = 0
  /** Who is speaking at the moment. */
  #speaker: Endpoint | undefined

  run(steps: Uint8Array): void {
    for (let at = 0; at < steps.length;) at += this.#step(steps, at)
    this.#clock.runUntil(this.#clock.now() + LONG)
    claim(this.#answers === this.#questions, 'each question has an end')
    // A question for each, and one for a connection id before it; that may come again and again.
    claim(this.#sent <= MAX_UDP_ATTEMPTS * this.#questions + steps.length, 'few datagrams')
    this.#trackers.close()
  }

  /** @returns the bytes that it took */
  #step(steps: Uint8Array, at: number): number {
    const more = steps[at + 1] ?? 0
    const to = TRACKERS[more % TRACKERS.length]!
    switch (String.fromCharCode(steps[at]!)) {
      case 'a':
        if (this.#questions++ < MAX_QUESTIONS)
          this.#trackers.announce(to, { announce, urlData: '/announce' }, (result) =>
            this.#onDone(to, result),
          )
        else this.#answers++
        return 2
      case 's':
        if (this.#questions++ < MAX_QUESTIONS)
          this.#trackers.scrape(to, announce.infoHash, (result) => this.#onDone(to, result))
        else this.#answers++
        return 2
      case 't':
        this.#clock.runUntil(this.#clock.now() + 1_000 * more)
        return 2
      default:
        this.#hear(more, steps.slice(at + 2, at + 2 + steps[at]!))
        return 2 + steps[at]!
    }
  }

  /** From whom we asked last and with its transaction, or from somebody else: it depends on `how`. */
  #hear(how: number, datagram: Uint8Array): void {
    const isAnswer = how >= 128 && this.#last !== undefined && datagram.length >= 8
    if (isAnswer) datagram.set(this.#last!.transaction, 4)
    this.#speaker = isAnswer ? this.#last!.to : TRACKERS[how % TRACKERS.length]!
    for (const socket of this.#sockets) socket.onDatagram(datagram, this.#speaker)
    this.#speaker = undefined
  }

  #onDone(asked: Endpoint, result: unknown): void {
    this.#answers++
    if (result instanceof Error) {
      claim(result instanceof SwarmError && CODES.has(result.code), `a documented error: ${String(result)}`)
      if (result.code === 'net.timeout') return
    }
    claim(this.#speaker !== undefined && sameEndpoint(this.#speaker, asked), 'whom we asked has answered')
  }

  #open(): Datagrams {
    const socket: Datagrams = {
      local: { host: '0.0.0.0', port: 1 },
      onDatagram: () => undefined,
      send: (data, to) => {
        this.#sent++
        // A connect request has it in the same place as an announce.
        this.#last = { transaction: data.slice(12, 16), to }
      },
      close: () => undefined,
    }
    this.#sockets.push(socket)
    return socket
  }
}
