/** A network that falls into two halves, and how long after it is whole again everybody finds everybody. */
import { formatEndpoint } from '../../../protocol/endpoint.ts'
import type { Millis } from '../../../protocol/ports.ts'
import type { SimDht } from '../dht.ts'
import type { Metrics } from './metrics.ts'
import { Torrent } from './torrents.ts'

const APART: Millis = 30 * 60_000
/** Torrents that each half announces while it is alone. */
const TORRENTS = 50
/** Lookups of one round, and the time they take. */
const LOOKUPS = 200
const ROUND: Millis = 15_000
const HEALED_PERCENT = 99
const LONGEST: Millis = 30 * 60_000

export function measurePartition(sim: SimDht): Metrics {
  const sides = new Map(sim.nodes.map(({ endpoint, index }) => [endpoint.host, index % 2]))
  sim.network.partition(({ host }) => sides.get(host) ?? 0)
  sim.run(APART / 2)
  const halves = [0, 1].map((side) => sim.nodes.filter(({ index }) => index % 2 === side))
  const torrents = halves.map((half) =>
    Array.from({ length: TORRENTS }, () => new Torrent(sim, half[sim.pick(half.length)]!)),
  )
  sim.run(APART / 2)
  const apart = crossSuccess(sim, halves, torrents)
  sim.network.heal()
  const healedAt = sim.clock.now()
  for (let round = 0; round * ROUND < LONGEST; round++) {
    const startedAt = sim.clock.now()
    if (crossSuccess(sim, halves, torrents) >= HEALED_PERCENT)
      return { successApart: apart, healSeconds: (startedAt - healedAt) / 1_000 }
  }
  return { successApart: apart, healSeconds: Number.POSITIVE_INFINITY }
}

/** Each half looks for what the other announced. @returns how many lookups of a hundred found it */
function crossSuccess(
  sim: SimDht,
  halves: readonly SimDht['nodes'][],
  torrents: readonly (readonly Torrent[])[],
): number {
  let successes = 0
  for (let i = 0; i < LOOKUPS; i++) {
    const askers = halves[i % 2]!
    const { infoHash, peer } = torrents[1 - (i % 2)]![sim.pick(TORRENTS)]!
    let isFound = false
    askers[sim.pick(askers.length)]!.dht.lookup(
      infoHash,
      (peers) => {
        isFound ||= peers.some((found) => formatEndpoint(found) === peer)
      },
      () => {
        if (isFound) successes++
      },
    )
  }
  sim.run(ROUND)
  return (100 * successes) / LOOKUPS
}
