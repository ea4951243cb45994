/** What it costs to be a node of the network that nobody asks for anything, and how true its knowledge is. */
import type { InfoHash } from '../../../protocol/ids.ts'
import type { Millis } from '../../../protocol/ports.ts'
import type { SimDht } from '../dht.ts'
import type { Metrics } from './metrics.ts'
import { Samples } from './samples.ts'
import type { Scenario } from './scenario.ts'
import type { Traffic } from './traffic.ts'

/** Loaded tables become what this network makes of them. */
const WARM_UP: Millis = 15 * 60_000
const TORRENT_PORT = 20_001
/** Every node announces one torrent, as a seeder does. */
export function measureMaintenance(sim: SimDht, { minutes }: Scenario, traffic: Traffic): Metrics {
  // Whoever joins later announces as well, so that the costs of a new node are in it.
  let announcers = 0
  const announceAll = (): void => {
    for (const { dht, index } of sim.nodes)
      if (index >= announcers) dht.announce(sim.randomId<InfoHash>(), TORRENT_PORT, { isSeed: true })
    announcers = sim.spawned
  }
  const runMinute = (): void => {
    announceAll()
    sim.run(60_000)
  }
  for (let minute = 0; minute < WARM_UP / 60_000; minute++) runMinute()
  const before = new Map(sim.nodes.map(({ index, socket }) => [index, { ...bytesOf(socket) }]))
  const joinedBefore = sim.spawned
  traffic.sim = sim
  for (let minute = 0; minute < minutes; minute++) runMinute()
  traffic.sim = undefined
  const seconds = 60 * minutes
  const up = new Samples()
  const down = new Samples()
  for (const { index, socket } of sim.nodes) {
    const start = before.get(index)
    // Of those only who were there all the while.
    if (start === undefined) continue
    up.add((socket.sentBytes - start.sentBytes) / seconds)
    down.add((socket.receivedBytes - start.receivedBytes) / seconds)
  }
  return {
    requestsPerSecond: traffic.requests / seconds / sim.nodes.length,
    upMean: up.mean,
    upP99: up.quantile(0.99),
    downMean: down.mean,
    downP99: down.quantile(0.99),
    deadInReplies: traffic.deadPercent,
    deadInTables: deadInTables(sim),
    joinsPerSecond: (sim.spawned - joinedBefore) / seconds,
  }
}

function bytesOf({
  sentBytes,
  receivedBytes,
}: {
  readonly sentBytes: number
  readonly receivedBytes: number
}): {
  readonly sentBytes: number
  readonly receivedBytes: number
} {
  return { sentBytes, receivedBytes }
}

function deadInTables(sim: SimDht): number {
  let contacts = 0
  let dead = 0
  for (const { dht } of sim.nodes)
    for (const contact of dht.knownContacts()) {
      contacts++
      if (sim.nodeOf(contact) === undefined) dead++
    }
  return (100 * dead) / contacts
}
