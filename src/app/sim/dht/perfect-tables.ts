/**
 * Full routing tables without the hours that it takes to fill them: every node is given contacts of each bucket,
 * drawn by chance from all that belong there, with round trips as if it had asked them some minutes ago.
 */
import type { Millis } from '../../../protocol/ports.ts'
import type { SimDht, SimMember, SimNode } from '../dht.ts'
import type { SeededRandom } from '../random.ts'

/** Contacts in a row that a bucket does not take, after which it is full. */
const MAX_REFUSALS = 3
/** A node that has run for an hour has measured each contact some times. */
const RTT_SAMPLES = 4
const JITTER = 0.05
/** Filled anew for each contact: there are a hundred million of them in a large network. */
const rtts: number[] = []
/** Bucket ranges of at most so many nodes are gone through without drawing anybody twice. */
const MAX_SHUFFLED = 1_024
/** Contacts answered at some time in this long. */
export const TABLE_AGE: Millis = 5 * 60_000

/** The clock must stand at {@link TABLE_AGE} or later. */
export function fillTables(sim: SimDht, nodes: readonly SimNode[], random: SeededRandom): void {
  for (const node of nodes) fillTable(sim, node, random)
}

function fillTable(sim: SimDht, node: SimNode, random: SeededRandom): void {
  const { oracle } = sim
  let inside = { from: 0, to: oracle.size }
  for (let bits = 0; inside.to - inside.from > 1; bits++) {
    const deeper = oracle.sharing(node.id, bits + 1)
    // Those who share exactly so many bits lie on one side of those who share more.
    const bucket =
      deeper.from > inside.from ? { from: inside.from, to: deeper.from } : { from: deeper.to, to: inside.to }
    fillBucket(sim, node, bucket, random)
    inside = deeper
  }
}

function fillBucket(
  sim: SimDht,
  node: SimNode,
  { from, to }: { readonly from: number; readonly to: number },
  random: SeededRandom,
): void {
  let refusals = 0
  for (const place of inRandomOrder(from, to, random)) {
    if (refusals === MAX_REFUSALS) return
    refusals = adopt(sim, node, sim.oracle.at(place), random) ? 0 : refusals + 1
  }
}

/** `from … to - 1`; of very many, ever new ones drawn by chance, with few twice. */
function* inRandomOrder(from: number, to: number, random: SeededRandom): Generator<number> {
  const size = to - from
  if (size > MAX_SHUFFLED) for (;;) yield from + random.int(size)
  const places = Array.from({ length: size }, (_, at) => from + at)
  for (let at = 0; at < size; at++) {
    const other = at + random.int(size - at)
    yield places[other]!
    places[other] = places[at]!
  }
}

function adopt(sim: SimDht, node: SimNode, other: SimMember, random: SeededRandom): boolean {
  const rtt = sim.network.rttBetween(node.socket, other.socket)
  for (let at = 0; at < RTT_SAMPLES; at++) rtts[at] = rtt * (1 + JITTER * (2 * random.float() - 1))
  return node.dht.adopt(other.contact, sim.clock.now() - TABLE_AGE * random.float(), rtts)
}
