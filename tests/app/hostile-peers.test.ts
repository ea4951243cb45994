/** Whole simulated nodes among scripted strangers: false metadata and floods of candidates keep no download from its end. */
import { describe, expect, test } from 'vitest'
import { PAYLOAD_PATH, SimSwarm, type SimNode } from '../../src/app/sim/swarm.ts'
import type { Session } from '../../src/app/session.ts'
import { MAX_METADATA_LENGTH } from '../../src/peer/metadata-exchange.ts'
import { WireDecoder } from '../../src/protocol/decoder.ts'
import { encodeExtensionHandshake } from '../../src/protocol/extension.ts'
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../src/protocol/handshake.ts'
import { bytesEqual, idFrom, type PeerId } from '../../src/protocol/ids.ts'
import { encodeExtended } from '../../src/protocol/message.ts'
import { decodeMetadataMessage, encodeMetadataData } from '../../src/protocol/metadata-message.ts'
import { encodePex, MAX_PEX_PEERS } from '../../src/protocol/pex-message.ts'
import type { ByteStream, StreamHandler } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
/** Numbers of the extensions, for both sides: ours are given in the order in which a torrent takes them up. */
const METADATA = 1
const PEX = 2

type Send = (extension: number, payload: Uint8Array) => void

interface Script {
  readonly metadataSize?: number
  /** Bytes of the block that it is asked for; undefined: it says nothing. */
  readonly block?: (block: number) => Uint8Array | undefined
  readonly onJoined?: (send: Send) => void
}

/** Pieces so short that the info dictionary takes two blocks. */
const newSim = (seed: number): SimSwarm =>
  new SimSwarm({ seed, hashes, payloadBytes: 2 ** 18, pieceLength: 256 })

/** Somebody who speaks the protocol, and says what the script has it say. @returns its address */
function stranger(sim: SimSwarm, host: string, script: Script): string {
  const machine = sim.streams.host(host)
  machine.listen(6881).onStream = (stream) => {
    stream.handler = new Stranger(sim, stream, script)
  }
  return `${host}:6881`
}

class Stranger implements StreamHandler {
  readonly #stream: ByteStream
  readonly #script: Script
  readonly #decoder = new WireDecoder()
  #isGone = false
  #heard = 0

  constructor(sim: SimSwarm, stream: ByteStream, script: Script) {
    this.#stream = stream
    this.#script = script
    const peerId = idFrom<PeerId>(hashes.sha1(new TextEncoder().encode(`${stream.remote.port}`)))
    const { infoHash } = sim.metainfo
    stream.write(encodeHandshake({ infoHash, peerId, hasExtensions: true, hasFast: false }))
    const { metadataSize } = script
    const ids = new Map([
      ['ut_metadata', METADATA],
      ['ut_pex', PEX],
    ])
    this.#send(0, encodeExtensionHandshake({ ids, metadataSize }))
    sim.clock.after(SECOND, () => script.onJoined?.(this.#send))
  }

  readonly #send: Send = (extension, payload) => {
    if (!this.#isGone) this.#stream.write(encodeExtended(extension, payload))
  }

  onData(chunk: Uint8Array): void {
    const skipped = Math.min(chunk.length, HANDSHAKE_LENGTH - this.#heard)
    this.#heard += skipped
    this.#decoder.push(chunk.subarray(skipped), (message) => {
      if (message.type !== 'extended' || message.id !== METADATA) return
      const asked = decodeMetadataMessage(message.payload)
      const bytes = asked?.type === 'request' ? this.#script.block?.(asked.block) : undefined
      if (bytes) this.#send(METADATA, bytes)
    })
  }

  onDrain(): void {}

  onClose(): void {
    this.#isGone = true
  }
}

/** Starts from the link alone, and waits until everything is there. */
async function follow(sim: SimSwarm, peers: readonly string[], withinMs: number): Promise<SimNode> {
  const machine = await sim.node()
  const { infoHash } = sim.metainfo
  const session = machine.node.addMagnet({ infoHash, peers, trackers: [], webSeeds: [], bootstrap: [] })
  void session
    .whenMetainfo()
    .then((metainfo) => session.open({ metainfo, path: PAYLOAD_PATH, mode: 'download' }))
  await expectComplete(sim, session, withinMs)
  expect(bytesEqual(machine.file()!, sim.payload)).toBe(true)
  return machine
}

async function expectComplete(sim: SimSwarm, session: Session, withinMs: number): Promise<void> {
  const deadline = sim.clock.now() + withinMs
  while (!session.isComplete && sim.clock.now() < deadline) {
    sim.clock.runUntil(sim.clock.now() + SECOND / 2)
    // What was promised is told between two events.
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
  expect(session.isComplete, sim.log.slice(-20).join('\n')).toBe(true)
}

function events(sim: SimSwarm, name: string): Record<string, unknown>[] {
  return sim.log
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
    .filter(({ event }) => event === name)
}

describe('metadata', () => {
  test('of liars who name the right size is found to be wrong, and they are banned; the honest are not', async () => {
    const sim = newSim(1)
    const size = sim.metainfo.infoBytes.length
    const lie = new Uint8Array(size)
    const block = (at: number): Uint8Array => encodeMetadataData(at, lie)
    const liars = [1, 2, 3].map((at) => stranger(sim, `10.66.0.${at}`, { metadataSize: size, block }))
    const seeders = [await sim.seeder(), await sim.seeder()].map(({ address }) => address)
    await follow(sim, [...liars, ...seeders], 2 * MINUTE)
    expect(events(sim, 'metadata_rejected').length).toBeGreaterThan(0)
    const banned = events(sim, 'peer_banned').map(({ peer }) => peer as string)
    expect(banned.length).toBeGreaterThan(0)
    expect(liars).toEqual(expect.arrayContaining(banned))
    expect(seeders).toContain((events(sim, 'metadata')[0]!['peers'] as string[])[0])
  })

  test.each([
    ['says nothing', undefined],
    ['sends zeros', encodeMetadataData(0, new Uint8Array(16_384))],
    ['sends too little', encodeMetadataData(0, new Uint8Array(100))],
  ] as const)('of a majority that names the largest size, and %s, is given up', async (_how, answer) => {
    const sim = newSim(2)
    const script: Script = {
      metadataSize: MAX_METADATA_LENGTH,
      ...(answer && { block: () => answer }),
    }
    const liars = Array.from({ length: 10 }, (_, at) => stranger(sim, `10.66.0.${at}`, script))
    const seeder = await sim.seeder()
    await follow(sim, [...liars, seeder.address], 2 * MINUTE)
    expect(events(sim, 'metadata')).toMatchObject([{ peers: [seeder.address] }])
  })

  test('that one stranger sends without being asked costs it the connection and nobody else anything', async () => {
    const sim = newSim(3)
    const address = stranger(sim, '10.66.0.1', {
      metadataSize: 20,
      onJoined(send) {
        for (let i = 0; i < 1_000; i++) send(METADATA, encodeMetadataData(i, new Uint8Array(0)))
      },
    })
    const seeder = await sim.seeder()
    const lost = (): boolean =>
      events(sim, 'peer_left').some(({ peer, reason }) => peer === address && reason === 'wire.flood')
    sim.streams.partition(seeder.host.address, '10.0.0.2')
    sim.clock.after(10 * SECOND, () => sim.streams.heal(seeder.host.address, '10.0.0.2'))
    await follow(sim, [address, seeder.address], 2 * MINUTE)
    expect(lost()).toBe(true)
  })
})

describe('peer exchange', () => {
  test('as a flood is read once in a while at most, fills no memory, and the honest peer is used', async () => {
    const sim = newSim(4)
    let told = 0
    const lies = (): Uint8Array =>
      encodePex({
        added: Array.from({ length: MAX_PEX_PEERS }, () => ({
          endpoint: { host: `10.77.${(told >> 8) & 255}.${told++ & 255}`, port: 6881 },
          isSeed: true,
          isReachable: true,
        })),
        dropped: [],
      })
    const flood: Script = {
      onJoined(send) {
        for (let at = 0; at < 240; at++) sim.clock.after((at * SECOND) / 2, () => send(PEX, lies()))
      },
    }
    const strangers = Array.from({ length: 5 }, (_, at) => stranger(sim, `10.66.0.${at}`, flood))
    const seeder = await sim.seeder({ up: 3_000 })
    const leecher = await sim.node()
    const session = leecher.node.addSession({
      metainfo: sim.metainfo,
      path: PAYLOAD_PATH,
      mode: 'download',
      peers: [...strangers, seeder.address],
    })
    let most = 0
    const count = (): void => {
      most = Math.max(most, session.snapshot().peers.length)
      sim.clock.after(SECOND, count)
    }
    count()
    await expectComplete(sim, session, 10 * MINUTE)
    expect(bytesEqual(leecher.file()!, sim.payload)).toBe(true)
    // By the time of a second one, each has said too much.
    expect(sim.clock.now()).toBeGreaterThan(MINUTE)
    const heard = sim.log.filter((line) => / machine 2 .*"event":"pex"/.test(line))
    for (const address of strangers) expect(heard.filter((line) => line.includes(address))).toHaveLength(1)
    expect(told).toBeGreaterThan(30_000)
    expect(most).toBeGreaterThan(MAX_PEX_PEERS)
    expect(most).toBeLessThan(strangers.length * MAX_PEX_PEERS + 10)
  })
})
