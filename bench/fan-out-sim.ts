/**
 * One seeder to many leechers in virtual time, all uploads limited: how close the last one's completion comes to the
 * optimum, in which the seeder sends every byte once.
 *
 *     node bench/fan-out-sim.ts [--leechers 8,20] [--mib 64] [--piece-kib 256] [--up-kib 5120] [--slow 2] [--free-riders 4] [--seeds 3]
 */
import { parseArgs } from 'node:util'
import { opensslHashes } from '../src/app/node/hashes.ts'
import { runFanOut } from '../src/app/sim/fan-out.ts'

const { values } = parseArgs({
  options: {
    leechers: { type: 'string', default: '8,20' },
    mib: { type: 'string', default: '64' },
    'piece-kib': { type: 'string', default: '256' },
    'up-kib': { type: 'string', default: '5120' },
    'latency-ms': { type: 'string', default: '1' },
    slow: { type: 'string', default: '0' },
    'free-riders': { type: 'string', default: '0' },
    seeds: { type: 'string', default: '3' },
  },
})

console.log(
  'leechers slow seed | last ÷ optimum | first ÷ optimum | copies sent | uplinks used | wasted | process s',
)
for (const leechers of values.leechers.split(',').map(Number))
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const startedAt = performance.now()
    const result = await runFanOut({
      seed,
      hashes: opensslHashes,
      leechers,
      slowLeechers: Number(values.slow),
      freeRiders: Number(values['free-riders']),
      payloadBytes: Number(values.mib) * 2 ** 20,
      pieceLength: Number(values['piece-kib']) * 2 ** 10,
      up: Number(values['up-kib']) * 2 ** 10,
      latencyMs: Number(values['latency-ms']),
    })
    const took = (performance.now() - startedAt) / 1_000
    console.log(
      [
        `${leechers}`.padStart(8),
        values.slow.padStart(4),
        `${seed}`.padStart(4),
        '|',
        result.lastRatio.toFixed(3).padStart(14),
        '|',
        result.firstRatio.toFixed(3).padStart(15),
        '|',
        result.copies.toFixed(3).padStart(11),
        '|',
        result.uplinkUse.toFixed(3).padStart(12),
        '|',
        result.wasted.toFixed(4).padStart(6),
        '|',
        took.toFixed(1).padStart(9),
      ].join(' '),
    )
  }
