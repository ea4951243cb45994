/** A lookup that has found nothing asks even the nodes that it took for made up: the network may be larger than we can tell. */
import { describe, expect, test } from 'vitest'
import { lookup, type LookupTraits } from './numbered-nodes.ts'

/** There are ten times as many nodes as we think, one every 6.5 of these. */
const BELIEVED = 1_000
const NODES = Array.from({ length: 40 }, (_, n) => Math.round(6.5 * (n + 1)))

/** To its end, with everybody answering; each names the sixteen nearest to the target. @returns who was asked, nearest first */
function walkAmongMore(traits: LookupTraits) {
  const made = lookup({ networkSize: BELIEVED, ...traits })
  const { walk, hear, ask, distances } = made
  hear([30_000])
  const asked = new Set<number>()
  const goOn = (): void => {
    for (let open = ask(); open.length > 0; open = ask())
      for (const entry of open) {
        const [distance] = distances([entry])
        asked.add(distance!)
        walk.onReply(entry, 'token')
        // Farther ones first: the nearest are those there is no room for.
        const names =
          asked.size === 1 ? NODES.slice(24) : asked.size < 4 ? NODES.slice(10, 26) : NODES.slice(0, 16)
        hear(
          names.filter((name) => name !== distance),
          entry,
        )
      }
  }
  goOn()
  while (walk.doubt()) goOn()
  return { ...made, goOn, asked: () => [...asked].sort((a, b) => a - b) }
}

describe('where there are ten times as many nodes as we think', () => {
  test('those nearest to the target are refused at first, and asked when nothing was found', () => {
    const { walk, goOn, asked, book } = walkAmongMore({ seeksPeers: true })
    expect(asked().slice(0, 4)).not.toEqual(NODES.slice(0, 4))
    expect(walk.isInDoubt).toBe(true)
    expect(walk.relent()).toBe(true)
    goOn()
    expect(asked().slice(0, 8)).toEqual(NODES.slice(0, 8))
    expect([walk.isFinished, walk.doubt(), walk.relent()]).toEqual([true, false, false])
    walk.close()
    expect(book.size).toBe(0)
  })

  test('not when it has found some, nor by a walk that seeks none', () => {
    const { walk, book } = walkAmongMore({ seeksPeers: true })
    walk.onPeers()
    expect(walk.relent()).toBe(false)
    walk.close()
    expect(book.size).toBe(0)
    expect(walkAmongMore({ isCareful: true }).walk.relent()).toBe(false)
  })
})
