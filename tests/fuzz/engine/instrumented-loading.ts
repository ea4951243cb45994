/** From here on the modules of a folder are loaded with counters in them. */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Comparisons } from './comparisons.ts'
import { Coverage } from './coverage.ts'
import { EQUAL, HITS, instrument, type Point } from './instrument.ts'

export interface Source {
  /** Below the folder. */
  readonly path: string
  readonly firstPoint: number
  readonly points: readonly Point[]
}

export class InstrumentedLoading {
  readonly coverage: Coverage = new Coverage()
  readonly comparisons: Comparisons = new Comparisons()
  readonly sources: Source[] = []
  readonly words = new Set<string>()

  readonly #root: string

  /** @param root URL of the folder, with `/` behind it; the simulator in it is the stage, not the play */
  constructor(root: string) {
    this.#root = root
    Object.assign(globalThis, { [HITS]: this.coverage.hits, [EQUAL]: this.comparisons.isEqual })
    registerHooks({
      load: (url, context, nextLoad) => {
        if (!url.startsWith(root) || url.startsWith(`${root}app/sim/`)) return nextLoad(url, context)
        return { format: 'module-typescript', source: this.#instrument(url), shortCircuit: true }
      },
    })
  }

  #instrument(url: string): string {
    const { text, points, words } = instrument(readFileSync(fileURLToPath(url), 'utf8'), this.coverage.points)
    this.sources.push({
      path: url.slice(this.#root.length),
      firstPoint: this.coverage.claim(points.length),
      points,
    })
    for (const word of words) this.words.add(word)
    return text
  }
}
