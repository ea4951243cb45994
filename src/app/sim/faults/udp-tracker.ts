/**
 * The same tracker over UDP (BEP 15): a requester needs a connection id that it was given before. Now and then the tracker is
 * restarted and forgets all ids, falls silent, is late, cuts an answer off or gives a failure reason.
 */
import type { Endpoint } from '../../../protocol/endpoint.ts'
import type { Clock, Datagrams, Millis, Random } from '../../../protocol/ports.ts'
import { EXCUSE, INTERVAL_SECONDS, LATE_MS, TRACKER_SERVER, type SimTracker } from './tracker.ts'

export const UDP_TRACKER_PORT = 6_969
export const UDP_TRACKER: string = `udp://${TRACKER_SERVER}:${UDP_TRACKER_PORT}/announce`

/** How long a connection id is valid. */
const ID_TTL: Millis = 120_000
const PROTOCOL_ID = 0x417_2710_1980n
const [CONNECT, ANNOUNCE, ERROR] = [0, 1, 3]
const EVENT_STOPPED = 3
/** Of the fields of a request: in every one, and in an announce. */
const TRANSACTION_AT = 12
const EVENT_AT = 80
const PORT_AT = 96

export interface SimUdpTrackerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly tracker: SimTracker
}

export class SimUdpTracker {
  readonly #options: SimUdpTrackerOptions
  /** When each was given out. */
  readonly #ids = new Map<bigint, Millis>()

  constructor(options: SimUdpTrackerOptions) {
    this.#options = options
  }

  listen(socket: Datagrams): void {
    socket.onDatagram = (data, from) =>
      this.#onDatagram(new DataView(data.buffer, data.byteOffset, data.length), from, (answer) =>
        socket.send(answer, from),
      )
  }

  #onDatagram(request: DataView, from: Endpoint, send: (answer: Uint8Array) => void): void {
    const { clock, random, tracker } = this.#options
    const answer = this.#answer(request, from)
    if (answer === undefined) return
    if (!tracker.isFailing()) return send(answer)
    switch (random.int(5)) {
      case 0:
        return this.#ids.clear()
      case 1:
        return void clock.after(random.int(LATE_MS), () => send(answer))
      case 2:
        return send(answer.subarray(0, random.int(answer.length)))
      case 3:
        return send(failure(request.getUint32(TRANSACTION_AT), EXCUSE))
      default:
    }
  }

  /** The right answer. */
  #answer(request: DataView, from: Endpoint): Uint8Array | undefined {
    const { clock, random, tracker } = this.#options
    const id = request.getBigUint64(0)
    const action = request.getUint32(8)
    const transaction = request.getUint32(TRANSACTION_AT)
    if (action === CONNECT && id === PROTOCOL_ID) {
      const given = (BigInt(random.int(2 ** 32)) << 32n) | BigInt(random.int(2 ** 32))
      this.#ids.set(given, clock.now())
      const answer = head(CONNECT, transaction, 16)
      new DataView(answer.buffer).setBigUint64(8, given)
      return answer
    }
    const givenAt = this.#ids.get(id)
    if (givenAt === undefined || clock.now() - givenAt > ID_TTL)
      // What it says then BEP 15 leaves open.
      return random.int(2) === 0 ? undefined : failure(transaction, 'who are you?')
    if (action !== ANNOUNCE) return failure(transaction, 'announces only')
    const peers = tracker.hear(
      { host: from.host, port: request.getUint16(PORT_AT) },
      request.getUint32(EVENT_AT) === EVENT_STOPPED,
    )
    const answer = head(ANNOUNCE, transaction, 20 + peers.length)
    new DataView(answer.buffer).setUint32(8, INTERVAL_SECONDS)
    answer.set(peers, 20)
    return answer
  }
}

function failure(transaction: number, reason: string): Uint8Array {
  const text = new TextEncoder().encode(reason)
  const answer = head(ERROR, transaction, 8 + text.length)
  answer.set(text, 8)
  return answer
}

function head(action: number, transaction: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, action)
  view.setUint32(4, transaction)
  return bytes
}
