/** What a peer tells of itself. */
import { describe, expect, test } from 'vitest'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { RemotePeer, type Direction } from '../../src/peer/remote-peer.ts'
import { encodeExtensionHandshake, type ExtensionFields } from '../../src/protocol/extension.ts'
import type { PeerId } from '../../src/protocol/ids.ts'
import { encodeExtended } from '../../src/protocol/message.ts'

const ENDPOINT = { host: '10.0.0.2', port: 50_000 }

function remote(direction: Direction = 'in'): RemotePeer {
  return new RemotePeer({
    endpoint: ENDPOINT,
    direction,
    peerId: new Uint8Array(20) as PeerId,
    client: 'Swarmer',
    pieces: { onAll: () => {}, onOne: () => {} },
  })
}

function says(peer: RemotePeer, fields: ExtensionFields, ids: readonly (readonly [string, number])[] = []) {
  return peer.onExtensionHandshake(encodeExtensionHandshake({ ids: new Map(ids), ...fields }))
}

test('its client is that of its peer id, until it names it better', () => {
  const peer = remote()
  expect(peer.client).toBe('Swarmer')
  says(peer, { client: 'Swarmer 9' })
  says(peer, { port: 7_000 })
  expect(peer.client).toBe('Swarmer 9')
})

describe('it accepts connections', () => {
  test('where we dialled it, whatever it says', () => {
    const peer = remote('out')
    says(peer, { port: 7_000 })
    expect(peer.listenEndpoint).toEqual(ENDPOINT)
  })

  test('if it called us, at the port that it names, and nobody knows where before', () => {
    const peer = remote('in')
    expect(peer.listenEndpoint).toBeUndefined()
    says(peer, { port: 7_000 })
    expect(peer.listenEndpoint).toEqual({ host: '10.0.0.2', port: 7_000 })
  })
})

test('it takes messages of an extension under the number that it gave it, until it takes that back', () => {
  const peer = remote()
  const payload = Uint8Array.of(1, 2)
  expect([peer.speaks('ut_pex'), peer.encodeExtended('ut_pex', payload)]).toEqual([false, undefined])
  says(peer, {}, [['ut_pex', 9]])
  expect([peer.speaks('ut_pex'), peer.encodeExtended('ut_pex', payload)]).toEqual([
    true,
    encodeExtended(9, payload),
  ])
  says(peer, {}, [['ut_pex', 0]])
  expect(peer.speaks('ut_pex')).toBe(false)
})

test('all its handshakes together are what it has said', () => {
  const peer = remote()
  says(peer, { metadataSize: 1_000 })
  expect(says(peer, { requestQueue: 5 })).toMatchObject({ metadataSize: 1_000, requestQueue: 5 })
  expect(peer.metadataSize).toBe(1_000)
})

describe('it wants nothing (BEP 21)', () => {
  const twoPieces = new PieceGeometry(16_384, [{ path: [], length: 2 * 16_384 }])

  test('when it has everything', () => {
    const peer = remote()
    peer.onMetainfo(twoPieces)
    peer.onBitfield(Uint8Array.of(0b1000_0000))
    expect([peer.isSeed, peer.isUploadOnly]).toEqual([false, false])
    peer.onHave(1)
    expect([peer.isSeed, peer.isUploadOnly]).toEqual([true, true])
  })

  test('when it says so', () => {
    const peer = remote()
    says(peer, { isUploadOnly: true })
    expect([peer.isSeed, peer.isUploadOnly]).toEqual([false, true])
  })
})
