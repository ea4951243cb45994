import { expect, test } from 'vitest'
import { ActivePiece } from '../../src/peer/active-piece.ts'
import { Claim } from '../../src/peer/claim.ts'

test('a piece that is begun again knows nothing of the one before', () => {
  const active = new ActivePiece(4)
  const claim = new Claim(7, active)
  const copy = new Claim(8, active)
  active.begin(1, 4 * 16_384, 4)
  active.noteAsked(1)
  active.noteAsked(2)
  active.claimFree(claim, 2)
  active.claimCopy(copy, 1)
  active.receive(3, 2)
  active.reservedFor = 2
  active.isExclusive = true
  expect([active.claimOn(1), active.copiedClaimOn(1), active.isIn(3)]).toEqual([8, 7, true])

  active.begin(2, 3 * 16_384, 3)
  expect(active).toMatchObject({ piece: 2, blockCount: 3, freeCount: 3, missingCount: 3, requestCount: 0 })
  expect(active).toMatchObject({ reservedFor: 0, isExclusive: false, isUntouched: true, contributors: [] })
  for (let block = 0; block < 3; block++)
    expect([active.claimOn(block), active.copiedClaimOn(block), active.isIn(block)]).toEqual([0, 0, false])
  expect(active.noteAsked(2)).toBe(true)
  expect(active.isOnlyAskedOf(2)).toBe(true)
  active.claimFree(claim, 3)
  expect([claim.first, claim.end]).toEqual([0, 3])
})
