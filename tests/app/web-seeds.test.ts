/** Web seeds in whole simulated nodes: they are scheduled like peers, and a faulty one ends alone. */
import { describe, expect, test } from 'vitest'
import type { SimAnswer, SimServer } from '../../src/app/sim/http.ts'
import { SimSwarm, type SimMachine } from '../../src/app/sim/swarm.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'

const HOST = '10.9.9.9'
const URL = `http://${HOST}/files/payload`
const MINUTES = 10 * 60_000

/** A server that serves ranges of `content`, and says how. */
function ranges(content: Uint8Array, how: Partial<SimAnswer> = {}): SimServer {
  return ({ headers }) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers?.['range'] ?? '')!
    return {
      status: 206,
      headers: { 'content-range': `bytes ${first}-${last}/${content.length}` },
      body: content.subarray(Number(first), Number(last) + 1),
      ...how,
    }
  }
}

interface Story {
  readonly sim: SimSwarm
  readonly leecher: SimMachine
}

async function download(
  sim: SimSwarm,
  { server, peers = [], urls = [URL] }: { server: SimServer; peers?: SimMachine[]; urls?: string[] },
): Promise<Story> {
  sim.http.serve(HOST, 80, server)
  const leecher = await sim.leecher({ peers, webSeeds: urls })
  return { sim, leecher }
}

function events(sim: SimSwarm, name: string): Record<string, unknown>[] {
  return sim.log
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
    .filter(({ event }) => event === name)
}

const complete = ({ sim, leecher }: Story): void => {
  sim.runUntil(() => leecher.session.isComplete, { withinMs: MINUTES })
  expect(bytesEqual(leecher.file()!, sim.payload)).toBe(true)
}

const newSim = (seed: number): SimSwarm => new SimSwarm({ seed, hashes })

describe('a web seed', () => {
  test('completes a download alone; its pieces come in long runs', async () => {
    const sim = newSim(1)
    let requests = 0
    const serve = ranges(sim.payload)
    const story = await download(sim, {
      server: (request) => {
        requests++
        expect(request.url.href).toBe(URL)
        return serve(request)
      },
    })
    complete(story)
    expect(events(sim, 'webseed_joined')).toEqual([{ event: 'webseed_joined', url: URL, peer: `${HOST}:80` }])
    expect(events(sim, 'have').every(({ peer }) => peer === `${HOST}:80`)).toBe(true)
    expect(requests).toBeLessThan(sim.metainfo.geometry.pieceCount / 2)
    expect(story.leecher.session.snapshot()).toMatchObject({ downloaded: sim.payload.length, wasted: 0 })
  })

  test('in a folder is asked for the payload by its name', async () => {
    const sim = newSim(2)
    const story = await download(sim, {
      urls: [`http://${HOST}/files/`],
      server: (request) => {
        expect(request.url.pathname).toBe('/files/payload')
        return ranges(sim.payload)(request)
      },
    })
    complete(story)
  })

  test('and a peer share the work', async () => {
    const sim = newSim(3)
    const bytesPerSecond = 1_000_000
    const seeder = await sim.seeder({ up: bytesPerSecond })
    const story = await download(sim, {
      peers: [seeder],
      server: ranges(sim.payload, { bytesPerSecond: bytesPerSecond / 4 }),
    })
    complete(story)
    const { peers } = story.leecher.session.snapshot()
    expect(peers.length).toBeGreaterThan(0)
    const senders = Map.groupBy(events(sim, 'have'), ({ peer }) => peer)
    expect([...senders.values()].map((pieces) => pieces.length > 10)).toEqual([true, true])
  })
})

test('a web seed and a peer give at least 1.7 times what one of them gives', async () => {
  const bytesPerSecond = 1_000_000
  const seconds = async (flags: { readonly web: boolean; readonly peer: boolean }): Promise<number> => {
    const sim = new SimSwarm({ seed: 3, hashes, payloadBytes: 32 * 2 ** 20 })
    const seeder = await sim.seeder({ up: bytesPerSecond })
    const story = await download(sim, {
      // Four requests at a time.
      server: ranges(sim.payload, { bytesPerSecond: bytesPerSecond / 4 }),
      ...(flags.peer && { peers: [seeder] }),
      ...(!flags.web && { urls: [] }),
    })
    sim.runUntil(() => story.leecher.session.isComplete, { withinMs: MINUTES })
    return sim.clock.now() / 1_000
  }
  const alone = [await seconds({ web: true, peer: false }), await seconds({ web: false, peer: true })]
  const together = await seconds({ web: true, peer: true })
  expect(Math.min(...alone) / together).toBeGreaterThan(1.7)
})

describe('what is wrong with a web seed ends it, and the download goes on', () => {
  const faults: [string, (sim: SimSwarm) => SimServer, RegExp][] = [
    [
      'it sends corrupt bytes',
      (sim) => ranges(sim.payload.map((byte) => byte ^ 1)),
      /^it alone sent piece \d+, which does not have its hash$/,
    ],
    ['it does not have the file', () => () => ({ status: 404 }), /status 404/],
    [
      'it does not serve ranges',
      (sim) => () => ({ status: 200, body: sim.payload }),
      /does not serve ranges/,
    ],
    [
      'it sends another range',
      (sim) => () => ({
        status: 206,
        headers: { 'content-range': `bytes 5-9/${sim.payload.length}` },
        body: new Uint8Array(5),
      }),
      /other bytes than it was asked for/,
    ],
    [
      'its file has another length',
      (sim) => (request) => ({
        ...ranges(sim.payload)(request)!,
        headers: { 'content-range': `${request.headers!['range']!.replace('=', ' ')}/77` },
      }),
      /other bytes/,
    ],
    [
      'its body does not end',
      (sim) => (request) => ({ ...ranges(sim.payload)(request)!, body: new Uint8Array(8_000_000) }),
      /more than it was asked for|does not have its hash/,
    ],
    ['nobody listens there', () => () => undefined, /5 failures in a row/],
    ['it is too busy for too long', () => () => ({ status: 503 }), /5 failures in a row, the last: .*503/],
    [
      'it breaks off before the first block, each time',
      (sim) => ranges(sim.payload, { breaksAfter: 1_000 }),
      /5 failures in a row/,
    ],
    [
      'it is slower than anybody should wait',
      (sim) => ranges(sim.payload, { bytesPerSecond: 200 }),
      /failures in a row|too slow/,
    ],
    [
      'it sends us into our own network',
      () => () => ({ status: 302, headers: { location: 'http://127.0.0.1/' } }),
      /narrower network/,
    ],
  ]

  test.each(faults)('%s', async (_what, makeServer, reason) => {
    const sim = newSim(4)
    const story = await download(sim, { server: makeServer(sim) })
    sim.runUntil(() => events(sim, 'webseed_dropped').length > 0, { withinMs: MINUTES })
    expect(events(sim, 'webseed_dropped')[0]).toMatchObject({
      url: URL,
      reason: expect.stringMatching(reason) as string,
    })
    expect(events(sim, 'peer_banned')).toEqual([])
    // A peer that comes now finds nothing held up.
    await sim.seeder({ peers: [story.leecher] })
    complete(story)
  })

  test('that breaks now and then is only given a rest', async () => {
    const sim = newSim(5)
    const story = await download(sim, { server: ranges(sim.payload, { breaksAfter: 300_000 }) })
    complete(story)
    expect(events(sim, 'webseed_failed').length).toBeGreaterThan(0)
    expect(events(sim, 'webseed_dropped')).toEqual([])
  })

  test('corrupt bytes beside an honest peer: the download completes, and the peer stays', async () => {
    const sim = newSim(6)
    const seeder = await sim.seeder({ up: 2_000_000 })
    const story = await download(sim, {
      peers: [seeder],
      server: ranges(
        sim.payload.map((byte) => byte ^ 1),
        { bytesPerSecond: 1_000_000 },
      ),
    })
    complete(story)
    expect(events(sim, 'webseed_dropped')).toHaveLength(1)
    expect(events(sim, 'peer_banned')).toEqual([])
  })

  test('corrupt blocks in pieces that an honest peer completes: it is known by its blocks, and the peer stays', async () => {
    const sim = newSim(8)
    const content = sim.payload.map((byte) => byte ^ 1)
    // Two blocks of a piece of four, and then it rests: whoever comes meanwhile goes on with that piece.
    const answers = [ranges(content, { breaksAfter: 40_000 })]
    const rest: SimServer = () => ({ status: 503, headers: { 'retry-after': '40' } })
    const story = await download(sim, { server: (request) => (answers.shift() ?? rest)(request) })
    sim.runUntil(() => events(sim, 'webseed_failed').length > 0, { withinMs: MINUTES })
    const seeder = await sim.seeder({ up: 500_000, peers: [story.leecher] })
    complete(story)
    const [failed] = events(sim, 'hash_fail')
    const senders = (failed!['peers'] as string[]).map((address) => address.split(':')[0])
    expect(new Set(senders)).toEqual(new Set([HOST, seeder.address.split(':')[0]]))
    expect(events(sim, 'webseed_dropped')).toMatchObject([
      { url: URL, reason: `it sent blocks that are not those of piece ${failed!['piece'] as number}: 0, 1` },
    ])
    expect(events(sim, 'peer_banned')).toEqual([])
  })

  test('it asks for patience with Retry-After, and gets it', async () => {
    const sim = newSim(7)
    let answers = 0
    const story = await download(sim, {
      server: (request) =>
        answers++ < 4 ? { status: 503, headers: { 'retry-after': '40' } } : ranges(sim.payload)(request),
    })
    complete(story)
    expect(events(sim, 'webseed_failed')[0]).toMatchObject({ retrySeconds: 40 })
  })
})

test('while a web seed delivers nobody is sent away for others that wait', async () => {
  const sim = new SimSwarm({ seed: 15, hashes, payloadBytes: 8 * 2 ** 20 })
  sim.http.serve(HOST, 80, ranges(sim.payload, { bytesPerSecond: 32 * 1024 }))
  const others = [await sim.leecher(), await sim.leecher()]
  await sim.leecher({ peers: others, webSeeds: [URL], node: { maxPeers: 1 } })
  sim.clock.runUntil(80_000)
  expect(events(sim, 'have').length).toBeGreaterThan(10)
  expect(events(sim, 'joined_to_peer').length).toBeGreaterThan(0)
  expect(events(sim, 'peer_left')).toEqual([])
})
