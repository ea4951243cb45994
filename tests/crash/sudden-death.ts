/** SIGKILL at moments drawn by chance. */
import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../src/app/sim/random.ts'
import type { Life } from './life.ts'
import { drawMoment, untilMoment } from './moment.ts'
import type { Death } from './round.ts'
import type { Seeder } from './seeder.ts'

const LONGEST_SEEDER_DELAY_MS = 1_500

export function suddenDeath(random: SeededRandom, folder: string, seeder: Seeder): Death {
  const moment = drawMoment(random)
  const seederDelayMs = random.float() * LONGEST_SEEDER_DELAY_MS
  return {
    moment: moment.name,
    async strike(life: Life): Promise<void> {
      if (moment.name === 'seeder') {
        await life.process.waitFor('have').catch(() => {})
        await delay(seederDelayMs)
        await seeder.killAndRestart()
      }
      await untilMoment(moment, life, folder)
    },
  }
}
