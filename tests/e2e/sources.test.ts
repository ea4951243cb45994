/** Where peers and bytes come from, on real processes and sockets: links, URLs, trackers, web servers, a blocklist. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMetainfo, encodeMagnet, encodeTorrent, magnetOf, readMetainfo } from '../../src/app/library.ts'
import { encodeBencode } from '../../src/protocol/bencode-writer.ts'
import { Nodes } from './nodes.ts'

let nodes: Nodes
let server: Server | undefined
beforeEach(() => {
  nodes = new Nodes()
})
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
  expect(nodes.close()).toEqual([])
})

/** @returns its origin */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  server = createServer(answer)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Serves the files of the test's folder, whole or in ranges. */
function files(request: IncomingMessage, response: ServerResponse): void {
  const path = nodes.path(decodeURIComponent(request.url!.slice(1)))
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    response.writeHead(404).end('not here')
    return
  }
  const content = readFileSync(path)
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  if (first === undefined) response.writeHead(200, { 'content-length': content.length }).end(content)
  else
    response
      .writeHead(206, { 'content-range': `bytes ${first}-${last}/${content.length}` })
      .end(content.subarray(Number(first), Number(last) + 1))
}

describe('a magnet link', () => {
  test('is enough: metainfo and payload come from the peer that it names', async () => {
    nodes.write('model.bin', 3_000_007)
    const { address } = await nodes.seed('model.bin')
    const link = encodeMagnet({
      ...magnetOf(await readMetainfo(nodes.path('model.bin.bit'))),
      peers: [address],
    })
    const leecher = nodes.start('leecher', `${link} -dest out -save-metainfo`)
    expect(await nodes.end(leecher)).toBe(0)
    expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
    expect(leecher.seen('start')).toMatchObject([{ name: 'model.bin', infoHash: link.slice(20, 60) }])
    expect(leecher.seen('metadata')).toMatchObject([{ name: 'model.bin', peers: [address] }])
    // What was saved is as good as what the seeder has.
    const again = nodes.start('again', `out/model.bin.torrent -dest two -peer ${address}`)
    expect(await nodes.end(again)).toBe(0)
    expect(nodes.digest('two/model.bin')).toBe(nodes.digest('model.bin'))
  })

  test('that nobody knows ends after the timeout', async () => {
    const leecher = nodes.start('leecher', `-get magnet:?xt=urn:btih:${'ab'.repeat(20)} -timeout 1`)
    expect(await nodes.end(leecher)).toBe(4)
    expect(leecher.seen('error')).toMatchObject([{ code: 'net.no-peers' }])
  })
})

describe('a web server', () => {
  test('gives metainfo by URL, and the payload as a web seed; a folder of files', async () => {
    nodes.write('a set/one', 700_000)
    nodes.write('a set/deep er/two', 900_001)
    nodes.write('a set/empty', 0)
    const origin = await serve(files)
    const metainfo = await createMetainfo(nodes.path('a set'), { webSeeds: [`${origin}/`] })
    writeFileSync(nodes.path('set.torrent'), encodeTorrent(metainfo))
    const leecher = nodes.start('leecher', `-get ${origin}/set.torrent -dest out`)
    expect(await nodes.end(leecher)).toBe(0)
    for (const name of ['one', 'deep er/two', 'empty'])
      expect(nodes.digest(`out/a set/${name}`)).toBe(nodes.digest(`a set/${name}`))
    expect(leecher.seen('webseed_joined')).toMatchObject([{ peer: origin.slice(7) }])
  })

  test('that does not have the metainfo, or sends something else: one line, exit code 3', async () => {
    nodes.write('page.html', 500)
    const origin = await serve(files)
    const missing = nodes.start('leecher', `${origin}/x.torrent`)
    expect(await nodes.end(missing)).toBe(3)
    expect(missing.seen('error')).toMatchObject([{ code: 'meta.unreadable' }])
    const other = nodes.start('leecher', `${origin}/page.html`)
    expect(await nodes.end(other)).toBe(3)
  })

  test('that nobody runs: exit code 4', async () => {
    const leecher = nodes.start('leecher', `http://${await nodes.freeAddress()}/x.torrent`)
    expect(await nodes.end(leecher)).toBe(4)
  })
})

test('a tracker of the metainfo and one of the user bring nodes together, and are told goodbye', async () => {
  const heard: string[] = []
  const peers: { ip: string; port: number }[] = []
  const origin = await serve((request, response) => {
    const query = new URL(request.url!, 'http://x').searchParams
    heard.push(`${query.get('event') ?? 'periodic'} left ${query.get('left')}`)
    peers.push({ ip: '127.0.0.1', port: Number(query.get('port')) })
    response.end(encodeBencode({ interval: 900, complete: 1, incomplete: 0, peers }))
  })
  nodes.write('model.bin', 1_000_000)
  const { seeder } = await nodes.seed('model.bin', `-tracker ${origin}/announce`)
  await nodes.event(seeder, 'tracker_announce')
  const metainfo = await readMetainfo(nodes.path('model.bin.bit'))
  const withTracker = { ...metainfo, trackers: [[`${origin}/announce?passkey=secret`]] }
  writeFileSync(nodes.path('model.torrent'), encodeTorrent(withTracker))
  const leecher = nodes.start('leecher', '-get model.torrent -dest out')
  expect(await nodes.end(leecher)).toBe(0)
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  expect(heard).toEqual(['started left 0', 'started left 1000000', 'completed left 0', 'stopped left 0'])
  expect(leecher.seen('tracker_announce')).toMatchObject([
    { tracker: `${origin}/announce`, kind: 'started', family: 4, peers: 2, seeds: 1 },
    { kind: 'completed' },
    { kind: 'stopped' },
  ])
})

test('whom the blocklist names is not dialled, and the event says by which line', async () => {
  nodes.write('model.bin', 100_000)
  const { address } = await nodes.seed('model.bin')
  writeFileSync(nodes.path('list.p2p'), 'Some network:127.0.0.0-127.0.0.255\n')
  const leecher = nodes.start(
    'leecher',
    `-get model.bin.bit -dest out -peer ${address} -blocklist list.p2p -timeout 1`,
  )
  expect(await nodes.end(leecher)).toBe(4)
  expect(leecher.seen('peer_blocked')).toMatchObject([
    { peer: address, direction: 'out', rule: expect.stringContaining('Some network') as string },
  ])
})

test('-embed-bootstrap: the .bit itself leads to the DHT node of the seeder', async () => {
  nodes.write('model.bin', 500_000)
  const dht = await nodes.freeAddress()
  await nodes.seed('model.bin', `-dht-listen ${dht} -embed-bootstrap`)
  const metainfo = await readMetainfo(nodes.path('model.bin.bit'))
  expect(metainfo.bootstrap).toEqual([dht])
  const leecher = nodes.start('leecher', '-get model.bin.bit -dest out -dht-listen 127.0.0.1:0')
  expect(await nodes.end(leecher)).toBe(0)
  expect(leecher.seen('dht_bootstrap').length).toBeGreaterThan(0)
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
})
