/** Questions to UDP trackers (BEP 15): one for the process, over one socket of each address family. */
import {
  formatEndpoint,
  familyOf,
  sameEndpoint,
  type Endpoint,
  type Family,
} from '../../protocol/endpoint.ts'
import { ProtocolError, TransportError } from '../../protocol/errors.ts'
import type { InfoHash } from '../../protocol/ids.ts'
import type { Cancel, Clock, Datagrams, Millis, Random } from '../../protocol/ports.ts'
import type { Announce, AnnounceAnswer, ScrapeAnswer } from '../../protocol/tracker/announce.ts'
import {
  decodeUdpAnswer,
  encodeConnect,
  encodeUdpAnnounce,
  encodeUdpScrape,
  type TransactionId,
  type UdpAnswer,
} from '../../protocol/tracker/udp.ts'

/** Requests that wait for an answer; further ones fail. */
export const MAX_UDP_QUESTIONS = 1_024
/**
 * How often a datagram is sent: BEP 15 waits 15 × 2^n s for its answer and goes on for an hour. We turn to another tracker
 * after 45 s, and the pauses grow on between our announces.
 */
export const MAX_UDP_ATTEMPTS = 2
const FIRST_TIMEOUT: Millis = 15_000
/** How long a connection id is used after it came. */
const CONNECTION_TTL: Millis = 60_000
/** Trackers whose connection ids are remembered; beyond this the oldest is forgotten. */
const MAX_CONNECTIONS = 256

export interface UdpTrackersOptions {
  readonly clock: Clock
  readonly random: Random
  readonly openUdp: (family: Family) => Datagrams
}

type Result<T> = T | ProtocolError | TransportError

interface Question {
  readonly to: Endpoint
  /** What is to be sent once there is a connection id. */
  readonly encode: (connection: bigint, transaction: TransactionId) => Uint8Array
  /** Takes the answer that was asked for; false when it is of another kind. */
  readonly onAnswer: (answer: UdpAnswer) => boolean
  readonly onError: (error: ProtocolError | TransportError) => void
  transaction: TransactionId
  isConnecting: boolean
  /** Datagrams sent in vain: the question itself, and those for a connection id since the last one came. */
  attempts: number
  /** Those of the question itself. */
  ownAttempts: number
  cancelTimeout: Cancel
}

export class UdpTrackers {
  readonly #options: UdpTrackersOptions
  readonly #sockets = new Map<Family, Datagrams>()
  readonly #questions = new Map<TransactionId, Question>()
  readonly #connections = new Map<string, { readonly id: bigint; readonly at: Millis }>()

  constructor(options: UdpTrackersOptions) {
    this.#options = options
  }

  /** @param urlData path and query of the tracker's URL (BEP 41) */
  announce(
    to: Endpoint,
    { announce, urlData }: { readonly announce: Announce; readonly urlData: string },
    onDone: (result: Result<AnnounceAnswer>) => void,
  ): Cancel {
    return this.#ask({
      to,
      encode: (connection, transaction) => encodeUdpAnnounce({ connection, transaction }, announce, urlData),
      onAnswer: (answer) => {
        if (answer.action !== 'announce') return false
        onDone(answer.answer)
        return true
      },
      onError: onDone,
    })
  }

  scrape(to: Endpoint, infoHash: InfoHash, onDone: (result: Result<ScrapeAnswer>) => void): Cancel {
    return this.#ask({
      to,
      encode: (connection, transaction) => encodeUdpScrape({ connection, transaction }, infoHash),
      onAnswer: (answer) => {
        if (answer.action !== 'scrape') return false
        onDone(answer.answer)
        return true
      },
      onError: onDone,
    })
  }

  close(): void {
    for (const question of this.#questions.values()) question.cancelTimeout()
    this.#questions.clear()
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #ask(asked: Pick<Question, 'to' | 'encode' | 'onAnswer' | 'onError'>): Cancel {
    const { clock } = this.#options
    if (this.#questions.size >= MAX_UDP_QUESTIONS)
      return clock.after(0, () =>
        asked.onError(new TransportError('net.failed', 'too many questions to trackers')),
      )
    const question: Question = {
      ...asked,
      transaction: 0,
      isConnecting: false,
      attempts: 0,
      ownAttempts: 0,
      cancelTimeout: () => {},
    }
    this.#send(question)
    return () => this.#forget(question)
  }

  /** The question itself, or first one for a connection id. */
  #send(question: Question): void {
    const { clock, random } = this.#options
    this.#forget(question)
    do question.transaction = random.int(2 ** 32)
    while (this.#questions.has(question.transaction))
    this.#questions.set(question.transaction, question)
    const connection = this.#connectionTo(question.to)
    question.isConnecting = connection === undefined
    const datagram =
      connection === undefined
        ? encodeConnect(question.transaction)
        : question.encode(connection, question.transaction)
    question.cancelTimeout = clock.after(FIRST_TIMEOUT * 2 ** question.attempts, () =>
      this.#onTimeout(question),
    )
    this.#socket(familyOf(question.to.host)).send(datagram, question.to)
  }

  #onTimeout(question: Question): void {
    // A tracker that was restarted no longer knows the id.
    this.#connections.delete(formatEndpoint(question.to))
    if (!question.isConnecting) question.ownAttempts++
    if (++question.attempts < MAX_UDP_ATTEMPTS) return this.#send(question)
    this.#forget(question)
    question.onError(new TransportError('net.timeout', `${formatEndpoint(question.to)}: no answer`))
  }

  #onDatagram(data: Uint8Array, from: Endpoint): void {
    let answer: UdpAnswer
    try {
      answer = decodeUdpAnswer(data, familyOf(from.host))
    } catch (error) {
      // Whoever sent it may be anybody: who asked hears of it by the time-out.
      if (error instanceof ProtocolError) return
      throw error
    }
    const question = this.#questions.get(answer.transaction)
    if (question === undefined || !sameEndpoint(question.to, from)) return
    if (answer.action === 'error') {
      this.#forget(question)
      this.#connections.delete(formatEndpoint(from))
      question.onError(new ProtocolError('tracker.failure', answer.reason))
    } else if (question.isConnecting) {
      if (answer.action !== 'connect') return
      this.#remember(from, answer.connection)
      // That it gives out connection ids answers nothing.
      question.attempts = question.ownAttempts
      this.#send(question)
    } else {
      this.#forget(question)
      if (!question.onAnswer(answer))
        question.onError(
          new ProtocolError('tracker.malformed', `the answer to another question: ${answer.action}`),
        )
    }
  }

  #connectionTo(to: Endpoint): bigint | undefined {
    const connection = this.#connections.get(formatEndpoint(to))
    if (connection === undefined || this.#options.clock.now() - connection.at >= CONNECTION_TTL)
      return undefined
    return connection.id
  }

  #remember(to: Endpoint, id: bigint): void {
    const key = formatEndpoint(to)
    this.#connections.delete(key)
    this.#connections.set(key, { id, at: this.#options.clock.now() })
    if (this.#connections.size > MAX_CONNECTIONS)
      this.#connections.delete(this.#connections.keys().next().value!)
  }

  #forget(question: Question): void {
    question.cancelTimeout()
    if (this.#questions.get(question.transaction) === question) this.#questions.delete(question.transaction)
  }

  #socket(family: Family): Datagrams {
    let socket = this.#sockets.get(family)
    if (socket === undefined) {
      socket = this.#options.openUdp(family)
      socket.onDatagram = (data, from) => this.#onDatagram(data, from)
      this.#sockets.set(family, socket)
    }
    return socket
  }
}
