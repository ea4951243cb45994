import { SimClock } from '../../../src/app/sim/clock.ts'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { IDLE_TIMEOUT_MS } from '../../../src/peer/liveness.ts'
import {
  MAX_METADATA_REQUESTS,
  MetadataExchange,
  type MetadataPeer,
} from '../../../src/peer/metadata-exchange.ts'
import { idFrom, toHex, type InfoHash } from '../../../src/protocol/ids.ts'
import {
  decodeMetadataMessage,
  encodeMetadataData,
  encodeMetadataReject,
  METADATA_BLOCK_LENGTH,
} from '../../../src/protocol/metadata-message.ts'
import { hashes } from '../../support/hashes.ts'
import { accepted, claim } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

const INFO = new SeededRandom(1).fill(new Uint8Array(2 * METADATA_BLOCK_LENGTH + 77))
const infoHash = idFrom<InfoHash>(hashes.sha1(INFO))
/** Names that strangers may give to the length. */
const SIZES: readonly (number | undefined)[] = [INFO.length, 5, METADATA_BLOCK_LENGTH, 2 ** 31, undefined]
const PEERS = 4
const ROUND = 2_000
/** By then the honest peer has been asked alone, whatever the others did before. */
const PATIENCE = 1_800_000

export const target: FuzzTarget = {
  sources: ['peer/metadata-exchange.ts', 'peer/metadata-assembly.ts'],
  maxLength: 256,
  maxMs: 250,
  maxAllocation: () => 2 ** 24,

  // What happens, a step a byte or two: see `Play`.
  seeds: () =>
    [
      [0x00, 0, 0x03, 0x03, 0x03],
      [0x00, 0, 0x08, 0, 0x0c, 0x0c, 0x03, 0x03],
      [0x08, 1, 0x0c, 0x01, 40, 0x00, 0, 0x03],
      [0x08, 0, 0x0e, 0x0f, 0, 0x0f, 9, 0x0a],
      [0x10, 3, 0x15, 4, 0x64, 0x65, 0x69, 0x31, 0x01, 255],
    ].map((steps) => Uint8Array.from(steps)),

  run(data) {
    new Play().run(data)
  },
}

class Stranger implements MetadataPeer {
  /** Of its connection: another one each time that it comes. */
  id = 0
  readonly isHonest: boolean
  readonly address: string
  readonly queuedBytes = 0
  readonly remote = { metadataSize: undefined as number | undefined, speaks: () => true }
  isThere = false
  /** Blocks that it was asked for, and has not answered. */
  asked: number[] = []
  saidAt = 0

  constructor(at: number) {
    this.isHonest = at === 0
    this.address = `10.0.0.${at}:1`
  }

  sendExtended(_extension: string, payload: Uint8Array): boolean {
    const message = decodeMetadataMessage(payload)
    if (message?.type !== 'request') return true
    claim(this.isThere, 'nobody is asked who is gone')
    claim(message.block * METADATA_BLOCK_LENGTH < (this.remote.metadataSize ?? 0), 'a block that there is')
    this.asked.push(message.block)
    return true
  }
}

/** The first peer tells the truth, the others do as the input says. */
class Play {
  readonly #clock = new SimClock()
  readonly #peers = Array.from({ length: PEERS }, (_, at) => new Stranger(at))
  readonly #exchange = new MetadataExchange<Stranger>({
    infoHash,
    clock: this.#clock,
    hashes,
    emit: () => undefined,
    onMetadata: (info) => {
      claim(this.#got === undefined && toHex(hashes.sha1(info)) === toHex(infoHash), 'the right one, once')
      this.#got = info
    },
    onLiar: (peer) => {
      claim(!peer.isHonest, 'who tells the truth is no liar')
      this.#leave(peer)
    },
  })
  #got: Uint8Array | undefined
  #connections = 0

  run(steps: Uint8Array): void {
    for (let at = 0; at < steps.length;) at += this.#step(steps, at)
    const [honest] = this.#peers
    for (let passed = 0; this.#got === undefined; passed += ROUND) {
      claim(passed < PATIENCE, 'the honest one is asked in the end')
      if (!honest!.isThere) this.#join(honest!, INFO.length)
      while (honest!.asked.length > 0) this.#tellTruth(honest!)
      this.#pass(ROUND)
    }
  }

  /** @returns the bytes that it took */
  #step(steps: Uint8Array, at: number): number {
    const step = steps[at]!
    const more = steps[at + 1] ?? 0
    const peer = this.#peers[(step >> 3) % PEERS]!
    const { isHonest } = peer
    switch (step & 7) {
      case 0:
        this.#join(peer, isHonest ? INFO.length : SIZES[more % SIZES.length])
        return 2
      case 1:
        this.#pass(500 * more)
        return 2
      case 2:
        this.#leave(peer)
        return 1
      case 3:
        this.#tellTruth(peer)
        return 1
      case 4:
        if (!isHonest)
          this.#say(peer, encodeMetadataData(peer.asked.shift() ?? 0, new Uint8Array(INFO.length)))
        return 1
      case 5:
        if (!isHonest) this.#say(peer, steps.slice(at + 2, at + 2 + more))
        return 2 + more
      case 6:
        if (!isHonest) this.#say(peer, encodeMetadataReject(peer.asked.shift() ?? more))
        return 1
      default:
        this.#say(peer, Buffer.from(`d8:msg_typei0e5:piecei${more}ee`))
        return 2
    }
  }

  #join(peer: Stranger, size: number | undefined): void {
    if (!peer.isThere) {
      peer.id = ++this.#connections
      peer.remote.metadataSize = size
    }
    peer.isThere = true
    peer.saidAt = this.#clock.now()
    this.#exchange.onHandshake(peer)
    this.#check()
  }

  #leave(peer: Stranger): void {
    if (!peer.isThere) return
    peer.isThere = false
    peer.asked = []
    this.#exchange.onClosed(peer)
  }

  #tellTruth(peer: Stranger): void {
    const block = peer.asked.shift()
    if (block !== undefined) this.#say(peer, encodeMetadataData(block, INFO))
  }

  #say(peer: Stranger, payload: Uint8Array): void {
    if (!peer.isThere) return
    peer.saidAt = this.#clock.now()
    const isHeard = accepted(() => {
      this.#exchange.onMessage(peer, payload)
      return true
    }, ['bencode.malformed', 'wire.malformed', 'wire.flood'])
    if (isHeard === undefined) this.#leave(peer)
    this.#check()
  }

  #pass(ms: number): void {
    this.#clock.runUntil(this.#clock.now() + ms)
    // As connections do. The honest one has nothing to say unless it is asked.
    for (const peer of this.#peers)
      if (peer.asked.length > 0 && this.#clock.now() - peer.saidAt > IDLE_TIMEOUT_MS) this.#leave(peer)
    this.#exchange.round(this.#clock.now())
    this.#check()
  }

  /** Of what is overdue a peer may be asked again, once. */
  #check(): void {
    for (const { asked } of this.#peers)
      claim(asked.length <= 64 * MAX_METADATA_REQUESTS, `a bearable number of questions: ${asked.length}`)
  }
}
