/** Two hosts on one network, one of them with libtorrent: they find each other by multicast alone (BEP 14). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { libtorrent } from './libtorrent.ts'
import { networks } from './netns.ts'
import { FOLDER } from './payloads.ts'
import { requirements } from './requirements.ts'
import { Scene } from './scene.ts'

let scene: Scene
beforeEach(({ onTestFailed }) => {
  const mine = new Scene()
  scene = mine
  onTestFailed(() => console.error(mine.story))
})
afterEach(() => scene.close())

const { title, isSkipped } = requirements('local service discovery', [libtorrent, networks])
describe.skipIf(isSkipped)(title, () => {
  // Whoever starts last announces itself, and whoever was there dials.
  test.each(['ours', 'theirs'])('lets ours download from their seed; %s is there first', async (first) => {
    const [a, b] = scene.network(2)
    const payload = scene.make(FOLDER)
    const startSeed = (): ReturnType<Scene['start']> =>
      scene.start(libtorrent, 'seed', payload, { host: a!, hasLan: true })
    if (first === 'theirs') await startSeed()
    const leecher = await scene.get(payload.torrent, [], { host: b!, hasLan: true })
    if (first === 'ours') {
      await leecher.node.waitFor('listen', 10_000)
      await startSeed()
    }
    expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
    expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
  })

  test.each(['ours', 'theirs'])('lets theirs download from our seed; %s is there first', async (first) => {
    const [a, b] = scene.network(2)
    const payload = scene.make(FOLDER)
    const startLeech = (): ReturnType<Scene['start']> =>
      scene.start(libtorrent, 'leech', payload, { host: a!, hasLan: true })
    const early = first === 'theirs' ? await startLeech() : undefined
    await scene.seed(payload, [], { host: b!, hasLan: true })
    const leecher = early ?? (await startLeech())
    expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
  })
})
