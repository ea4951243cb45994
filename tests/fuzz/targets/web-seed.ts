import { SimClock } from '../../../src/app/sim/clock.ts'
import { BLOCK_LENGTH, PieceGeometry } from '../../../src/metainfo/geometry.ts'
import { WebSeedRun } from '../../../src/peer/web-seed-run.ts'
import { fileUrl } from '../../../src/peer/web-seed-url.ts'
import { SwarmError } from '../../../src/protocol/errors.ts'
import type { BlockRange } from '../../../src/protocol/message.ts'
import { claim, claimSame } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { ScriptedHttp } from '../scripted-http.ts'

/** Two pieces, four files: one ends inside a block, one is padding, one is empty. */
const geometry = new PieceGeometry(2 * BLOCK_LENGTH, [
  { path: ['a'], length: BLOCK_LENGTH + 100 },
  { path: ['.pad', '1'], length: 50, isPadding: true },
  { path: ['empty'], length: 0 },
  { path: ['b'], length: 2 * BLOCK_LENGTH },
])
const ALL: readonly BlockRange[] = [0, 1].flatMap((piece) =>
  Array.from({ length: geometry.blockCount(piece) }, (_, block) => ({
    piece,
    begin: block * BLOCK_LENGTH,
    length: geometry.blockLength(piece, block),
  })),
)
const LONG = 10_000_000
const A = BLOCK_LENGTH + 100
const B = 2 * BLOCK_LENGTH

export const target: FuzzTarget = {
  sources: ['peer/web-seed-answer.ts', 'peer/web-seed-run.ts', 'peer/web-seed-url.ts'],
  words: [
    '206|content-range: bytes 0-',
    `/${A}|`,
    `/${B}|`,
    '200||',
    '|503|retry-after: 7|',
    '301|location: http://lan/|',
    '\n',
    '!',
    '*',
    '-',
    String(A),
    String(B),
  ],
  maxMs: 250,
  maxAllocation: () => 2 ** 24,

  // The first line says which blocks are asked for, and when we stop to read for a while.
  seeds: () =>
    [
      `0 4 0\n200||${A}\n200||${B}`,
      `0 4 3\n206|content-range: bytes 0-${A - 1}/${A}|${A}\n206|content-range: bytes 0-${B - 1}/*|${B}`,
      `1 1 0\n206|content-range: bytes ${BLOCK_LENGTH}-${A - 1}/${A}|100\n206|content-range: bytes 0-${BLOCK_LENGTH - 151}/${B}|16234`,
      `0 4 0\n503|retry-after: 7|\n`,
      `2 1 9\n200|content-length: 5|5`,
      `0 1 0\n404||0`,
      `0 1 0\n301|location: http://lan/|\n206|content-range: bytes 0-16383/${A}|16384`,
      `0 1 0\n206|content-range: bytes 0-16383/${A}|20000`,
      `0 1 0\n206|content-range: bytes 0-16383/${A}|200!`,
    ].map(latin1),

  run(data) {
    const [question = '', ...lines] = Buffer.from(data).toString('latin1').split('\n')
    const [, first = '0', count = '1', pause = '0'] = /^([0-3]) ([1-4]) (\d)$/.exec(question) ?? []
    const blocks = ALL.slice(Number(first), Number(first) + Number(count))
    if (blocks.length === 0) return
    const clock = new SimClock()
    const http = new ScriptedHttp(lines, clock)
    const ends: (Error | undefined)[] = []
    const taken: BlockRange[] = []
    let isAnswered = false
    const run: WebSeedRun = new WebSeedRun({
      ports: { http, resolver: http, clock },
      geometry,
      urlOf: (file) => fileUrl('http://pub/', { name: 'x', isSingleFile: false }, geometry.files[file]!)!,
      blocks,
      isPaused: false,
      onAnswer: () => (isAnswered = true),
      onReceived: () => claim(isAnswered, 'nothing is taken before its head was looked at'),
      onBlock: (range, block) => {
        claim(ends.length === 0 && block.length === range.length, 'a whole block, while it is wanted')
        taken.push(range)
      },
      onBlocksEnd: () => undefined,
      onEnd: (error) => ends.push(error),
    })
    run.start()
    clock.runUntil(Number(pause))
    if (pause !== '0' && ends.length === 0) {
      run.pause()
      clock.runUntil(100_000)
      run.resume()
    }
    clock.runUntil(LONG)
    claim(ends.length === 1, `one end, not ${ends.length}`)
    const [error] = ends
    claim(error === undefined || error instanceof SwarmError, `a documented error: ${String(error)}`)
    claimSame(taken, blocks.slice(0, taken.length), 'blocks come in order')
    claim(error !== undefined || taken.length === blocks.length, 'without an error all have come')
    claim(
      http.requests.every(({ headers }) => /^bytes=\d+-\d+$/.test(headers?.['range'] ?? '')),
      'ranges',
    )
  },
}
