/** How poisoners behave. */
import type { Random } from '../../src/protocol/ports.ts'
import type { Asked, Script } from '../support/poisoner.ts'

export interface Manner {
  readonly name: string
  readonly poisoners: number
  readonly scripts: (random: Random) => readonly Script[]
}

const one =
  (script: (random: Random) => Script) =>
  (random: Random): readonly Script[] => [script(random)]

const half = ({ piece, block }: Asked): boolean => (piece * 7 + block) % 2 === 0

/** What ten peers are, when some of them lie. */
export const MANNERS: readonly Manner[] = [
  { name: 'every block is bad', poisoners: 1, scripts: one(() => ({ isBad: () => true })) },
  {
    name: 'one block in two',
    poisoners: 1,
    scripts: one((random) => ({ isBad: () => random.int(2) === 0 })),
  },
  {
    name: 'one block in twenty',
    poisoners: 1,
    scripts: one((random) => ({ isBad: () => random.int(20) === 0 })),
  },
  {
    name: 'the fortieth block only',
    poisoners: 1,
    scripts: one(() => ({ isBad: ({ sent }) => sent === 40 })),
  },
  {
    name: 'good for 60 blocks, then bad',
    poisoners: 1,
    scripts: one(() => ({ isBad: ({ sent }) => sent >= 60 })),
  },
  {
    name: 'bad for 10 blocks, then silent',
    poisoners: 1,
    scripts: one(() => ({
      isBad: ({ sent }) => sent < 10,
      delay: ({ sent }) => (sent < 10 ? 0 : Infinity),
    })),
  },
  {
    name: 'good for 10 blocks, then silent (control)',
    poisoners: 1,
    scripts: one(() => ({ isBad: () => false, delay: ({ sent }) => (sent < 10 ? 0 : Infinity) })),
  },
  { name: 'good (control)', poisoners: 1, scripts: one(() => ({ isBad: () => false })) },
  {
    name: 'bad, a block in 8 s',
    poisoners: 1,
    scripts: one((random) => ({ isBad: () => random.int(2) === 0, delay: () => 8_000 })),
  },
  {
    name: 'one bad block, then chokes',
    poisoners: 1,
    scripts: one(() => ({ isBad: () => true, chokesAfter: 1 })),
  },
  {
    name: 'bad, chokes after each block',
    poisoners: 1,
    scripts: one((random) => ({ isBad: () => random.int(3) === 0, flaps: true })),
  },
  {
    name: 'bad, leaves after 5 blocks, comes back',
    poisoners: 1,
    scripts: one((random) => ({ isBad: () => random.int(3) === 0, leavesAfter: 5 })),
  },
  {
    name: 'two that share the blocks of a piece',
    poisoners: 2,
    scripts: () => [{ isBad: half }, { isBad: (asked) => !half(asked) }],
  },
  {
    name: 'five of ten, one block in three',
    poisoners: 5,
    scripts: (random) => Array.from({ length: 5 }, () => ({ isBad: () => random.int(3) === 0 })),
  },
  {
    name: 'nine of ten, one block in three',
    poisoners: 9,
    scripts: (random) => Array.from({ length: 9 }, () => ({ isBad: () => random.int(3) === 0 })),
  },
]

/** Up to six poisoners, each of its own manner. */
export function randomScripts(random: Random): readonly Script[] {
  return Array.from({ length: 1 + random.int(6) }, () => {
    const oneIn = 1 + random.int(12)
    const from = random.int(60)
    const pause = random.int(3) * random.int(9_000)
    return {
      isBad: ({ sent }) => sent >= from && random.int(oneIn) === 0,
      delay: ({ sent }) => (sent % 8 === 0 ? pause : 0),
      ...(random.int(4) === 0 && { flaps: true }),
      ...(random.int(4) === 0 && { leavesAfter: 1 + random.int(40) }),
    }
  })
}
