/** The picker alone, in a process of its own: bench/picker.ts. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BenchCase } from '../case.ts'
import { watchOthers } from '../process-cost.ts'
import { OTHER_CORES, type Figures, type Race } from '../race.ts'

const PROGRAM = fileURLToPath(new URL('../picker.ts', import.meta.url))

/** Lines of its report by their beginnings. All its figures are microseconds. */
const LINES = [
  { title: 'pick of a full window, µs', begins: 'a pick of', limitMicros: 10 },
  { title: 'have, µs', begins: 'a have', limitMicros: 0.3 },
  { title: 'worst bitfield, µs', begins: 'a bitfield, its sort counted: worst', limitMicros: 20_000 },
]

export const picker: BenchCase = {
  name: 'picker',
  title: 'picking from 1,000,000 pieces and 500 peers',
  rounds: 3,

  neededMib: () => 0,

  async races(): Promise<readonly Race[]> {
    return [
      {
        title: 'picker: 1,000,000 pieces, 500 peers',
        hasWarmUp: false,
        contestants: [{ name: 'picker', run }],
        promises: LINES.map(({ title, limitMicros }) => ({
          who: 'picker',
          title,
          limit: { atMost: limitMicros },
        })),
      },
    ]
  },
}

async function run(): Promise<Figures> {
  const others = watchOthers()
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM])
  const lines = stdout.split('\n')
  const figures = LINES.map(({ title, begins }) => {
    const micros = lines.find((line) => line.startsWith(begins))?.match(/\s([\d.]+) µs/)?.[1]
    if (micros === undefined) throw new Error(`no line '${begins} …' in ${stdout}`)
    return [title, Number(micros)] as const
  })
  return { ...Object.fromEntries(figures), [OTHER_CORES]: others() }
}
