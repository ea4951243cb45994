/** Many walks: at once as many as there may be, the others one after the other. */
import { expect, test } from 'vitest'
import type { InfoHash } from '../../../src/protocol/ids.ts'
import { LoneNode } from '../lone-node.ts'

test('whoever serves 3,000 torrents and knows nobody yet looks for each in vain', () => {
  const lone = new LoneNode()
  const torrents = 3_000
  let ended = 0
  for (let at = 0; at < torrents; at++) {
    const infoHash = new Uint8Array(20).fill(at & 255) as InfoHash
    infoHash[1] = at >>> 8
    lone.node.announce(infoHash, 20_001, { isSeed: true })
    lone.node.lookup(
      infoHash,
      () => undefined,
      ({ rpcs, peers }) => {
        expect(rpcs + peers).toBe(0)
        ended++
      },
    )
  }
  lone.run(10)
  expect(ended).toBe(torrents)
  lone.node.close()
})
