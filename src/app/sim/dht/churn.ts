/** Nodes that come and go. */
import type { SimDht } from '../dht.ts'
import type { SeededRandom } from '../random.ts'

/**
 * Sessions of exponential length with this median; for each node that leaves, without a word, another joins. Such
 * sessions have no memory, so that whoever leaves next is anybody but the seeds.
 */
export function startChurn(sim: SimDht, medianMinutes: number, random: SeededRandom): void {
  const seeds = sim.seeds.length
  const meanSession = (medianMinutes * 60_000) / Math.LN2
  const leaveLater = (): void => {
    const meanGap = meanSession / (sim.nodes.length - seeds)
    sim.clock.after(-meanGap * Math.log(1 - random.float()), () => {
      const leaver = sim.anyone()
      if (leaver.index >= seeds) {
        sim.kill(leaver)
        sim.spawn({ isReadOnly: leaver.isReadOnly })
      }
      leaveLater()
    })
  }
  leaveLater()
}
