import { expect, test } from 'vitest'
import { sendDontHaves } from '../../src/peer/dont-have.ts'

function makePeer(...spoken: string[]) {
  const sent: [string, number[]][] = []
  return {
    sent,
    remote: { speaks: (name: string) => spoken.includes(name) },
    sendExtended: (name: string, payload: Uint8Array) => {
      sent.push([name, [...payload]])
      return true
    },
  }
}

test('who knows the word is told of each piece that is lost, as BEP 54 has it', () => {
  const peer = makePeer('ut_pex', 'lt_donthave')
  expect(sendDontHaves(peer, [7, 0x01020304])).toBe(true)
  expect(peer.sent).toEqual([
    ['lt_donthave', [0, 0, 0, 7]],
    ['lt_donthave', [1, 2, 3, 4]],
  ])
})

test('who does not is told nothing', () => {
  const peer = makePeer('ut_pex')
  expect(sendDontHaves(peer, [7])).toBe(false)
  expect(peer.sent).toEqual([])
})
