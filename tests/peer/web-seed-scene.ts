/** One web seed, its server and a clock. Blocks are written `piece.block`. */
import { expect } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SimHttp, type SimServer, type SimServerOptions } from '../../src/app/sim/http.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { BLOCK_LENGTH, PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { PeerEvent } from '../../src/peer/events.ts'
import { WebSeed } from '../../src/peer/web-seed.ts'
import type { BlockRange } from '../../src/protocol/message.ts'
import type { Bandwidth } from '../../src/protocol/ports.ts'
import { ranges } from '../support/range-server.ts'

export const HOST = '10.9.9.9'
export const URL_OF_SEED = `http://${HOST}/payload`
const PIECES = 400
export const PIECE = 2 * BLOCK_LENGTH
export const MINUTE = 60_000

interface SceneOptions extends SimServerOptions {
  readonly url?: string
  readonly server?: SimServer
  readonly download?: (clock: SimClock) => Bandwidth
}

export const content = new SeededRandom(1).fill(new Uint8Array(PIECES * PIECE))

export class Scene {
  readonly clock = new SimClock()
  readonly seed: WebSeed
  /** Ranges in pieces and when they were asked for: `0-3` are the pieces 0 to 3, the last counted. */
  readonly requests: { readonly pieces: string; readonly at: number }[] = []
  readonly blocks: string[] = []
  readonly said: string[] = []
  readonly events: PeerEvent[] = []

  constructor({ url = URL_OF_SEED, server = ranges(content), download, ...options }: SceneOptions = {}) {
    const { clock } = this
    const http = new SimHttp(clock)
    const answer: SimServer = (request) => {
      const [first, last] = request.headers!['range']!.slice(6).split('-').map(Number)
      const pieces = `${first! / PIECE}-${(last! + 1) / PIECE - 1}`
      this.requests.push({ pieces, at: clock.now() })
      return server(request)
    }
    for (const port of [80, 443, 8080]) http.serve(HOST, port, answer, options)
    this.seed = new WebSeed({
      id: 1,
      url,
      name: 'payload',
      isSingleFile: true,
      geometry: new PieceGeometry(PIECE, [{ path: [], length: content.length }]),
      ports: { clock, http, resolver: { resolve: (_name, _family, onResult) => onResult([HOST]) } },
      random: new SeededRandom(1),
      download: download?.(clock) ?? { ask: (bytes) => bytes },
      observer: {
        onBlock: (_seed, { piece, begin, length }, block) => {
          const at = piece * PIECE + begin
          expect(block).toEqual(content.subarray(at, at + length))
          this.blocks.push(`${piece}.${begin / BLOCK_LENGTH}`)
        },
        onBlocksEnd() {},
        onChoke: () => this.said.push('choke'),
        onUnchoke: () => this.said.push('unchoke'),
        onClosed: () => this.said.push('closed'),
      },
      emit: (event) => this.events.push(event),
    })
  }

  /** Asks for pieces: `ask(3, 4, 5)`. */
  ask(...pieces: number[]): void {
    this.seed.request(pieces.flatMap((piece) => [range(piece, 0), range(piece, 1)]))
  }

  /** Lets so much time pass, with the ticks that come in it. */
  pass(ms: number, sentByOthers = 0): void {
    const end = this.clock.now() + ms
    for (let tick = this.clock.now() + 2_000; tick <= end; tick += 2_000) {
      this.clock.runUntil(tick)
      this.seed.onTick(tick, sentByOthers)
    }
    this.clock.runUntil(end)
  }

  get pieces(): string[] {
    return this.requests.map(({ pieces }) => pieces)
  }

  get reasons(): string[] {
    return this.events.map((event) => ('reason' in event ? event.reason : event.event))
  }
}

export const range = (piece: number, block: 0 | 1): BlockRange => ({
  piece,
  begin: block * BLOCK_LENGTH,
  length: BLOCK_LENGTH,
})

export const slow: SimServer = ranges(content, { bytesPerSecond: 100_000 })
