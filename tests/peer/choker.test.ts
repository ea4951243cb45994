/** Who may download from us. */
import { describe, expect, test } from 'vitest'
import {
  Choker,
  GRACE,
  MAX_SLOTS,
  MIN_SLOTS,
  OPTIMISTIC_TURN,
  REVIEW,
  SNUB,
  slotCount,
  type ChokeDecision,
  type ChokerPeer,
} from '../../src/peer/choker.ts'

const SLOTS = 4

/** `i`: interested, `.`: not; by id from 1. `rates` are what they send us. */
function crowd(picture: string, rates: readonly number[] = []): ChokerPeer[] {
  return [...picture].map((mark, i) => ({
    id: i + 1,
    isInterested: mark === 'i',
    isTaking: mark === 'i',
    host: `10.0.0.${i + 1}`,
    isAsked: false,
    downloadRate: rates[i] ?? 0,
    unspreadCount: 0,
  }))
}

function words(decisions: readonly ChokeDecision[]): string[] {
  return decisions.map(({ action, id }) => `${action} ${id}`)
}

function unchoked(choker: Choker, peers: readonly ChokerPeer[]): number[] {
  return peers.filter(({ id }) => choker.isUnchoked(id)).map(({ id }) => id)
}

const seeding = (now: number): { now: number; isSeeding: true; slots: number } => ({
  now,
  isSeeding: true,
  slots: SLOTS,
})
const downloading = (now: number): { now: number; isSeeding: false; slots: number } => ({
  now,
  isSeeding: false,
  slots: SLOTS,
})

describe('how many may download at once', () => {
  test('follows what we may send', () => {
    expect(slotCount(20 * 2 ** 20, 0)).toBe(MAX_SLOTS)
    expect(slotCount(640 * 1_024, 0)).toBe(10)
    expect(slotCount(10_000, 0)).toBe(MIN_SLOTS)
  })

  test('follows what we do send when nothing limits it, from some on', () => {
    expect(slotCount(Infinity, 0)).toBe(16)
    expect(slotCount(Infinity, 2 ** 21)).toBe(32)
    expect(slotCount(Infinity, 2 ** 30)).toBe(MAX_SLOTS)
  })
})

describe('slots', () => {
  test('go to the interested', () => {
    const choker = new Choker()
    expect(words(choker.decide(crowd('i.i'), seeding(0)))).toEqual(['unchoke 1', 'unchoke 3'])
    expect(words(choker.decide(crowd('i.i'), seeding(1)))).toEqual([])
  })

  test('are kept by those that lose interest until somebody has waited for a while', () => {
    const choker = new Choker()
    const reading = (picture: string): ChokerPeer[] =>
      crowd(picture).map((peer) => ({ ...peer, isTaking: true }))
    choker.decide(crowd('iiii.'), seeding(0))
    expect(words(choker.decide(reading('i.ii.'), seeding(1)))).toEqual([])
    expect(words(choker.decide(reading('i.iii'), seeding(2)))).toEqual([])
    expect(words(choker.decide(reading('i.iii'), seeding(GRACE)))).toEqual(['choke 2', 'unchoke 5'])
  })

  test('are waited for by those that take nothing meanwhile: they may not', () => {
    const choker = new Choker()
    const peers = crowd('iiiiii').map((peer) => ({ ...peer, isTaking: peer.id <= SLOTS }))
    choker.decide(peers, seeding(0))
    for (let now = GRACE; now < REVIEW; now += GRACE) expect(choker.decide(peers, seeding(now))).toEqual([])
    expect(words(choker.decide(peers, seeding(REVIEW)))).toEqual(['choke 1', 'unchoke 5'])
  })

  test('are shared out between addresses', () => {
    const choker = new Choker()
    const peers = crowd('iiiiiiii').map((peer) => ({ ...peer, host: peer.id <= 4 ? '10.0.0.1' : '10.0.0.2' }))
    choker.decide(peers, seeding(0))
    expect(unchoked(choker, peers)).toEqual([1, 2, 5, 6])
  })

  test('of those that left are free', () => {
    const choker = new Choker()
    choker.decide(crowd('iiiii'), seeding(0))
    expect(words(choker.decide(crowd('iiiii').slice(1), seeding(1)))).toEqual(['unchoke 5'])
  })

  test('that we no longer have are taken away', () => {
    const choker = new Choker()
    const peers = crowd('iiii')
    choker.decide(peers, seeding(0))
    choker.decide(peers, { ...seeding(1), slots: 2 })
    choker.decide(peers, { ...seeding(1 + REVIEW), slots: 2 })
    expect(unchoked(choker, peers)).toHaveLength(2)
  })
})

describe('a seeder', () => {
  test('lets everybody have a turn', () => {
    const choker = new Choker()
    const peers = crowd('iiiiiii')
    const served = new Set<number>()
    for (let now = 0; now <= 8 * REVIEW; now += 2_000) {
      choker.decide(peers, seeding(now))
      expect(unchoked(choker, peers)).toHaveLength(SLOTS)
      for (const id of unchoked(choker, peers)) served.add(id)
    }
    expect(served.size).toBe(peers.length)
  })

  test('takes no more slots in a review than somebody waits for', () => {
    const choker = new Choker()
    const peers = crowd('iiiiiiiii')
    choker.decide(peers, { ...seeding(0), slots: 8 })
    expect(words(choker.decide(peers, { ...seeding(REVIEW), slots: 8 }))).toEqual(['choke 1', 'unchoke 9'])
  })

  test('takes the slot of whoever keeps for itself what it was sent', () => {
    const choker = new Choker()
    const peers = crowd('iiiii')
    const hoarder = { ...peers[2]!, unspreadCount: 9 }
    const now = [peers[0]!, peers[1]!, hoarder, peers[3]!, peers[4]!]
    choker.decide(now, seeding(0))
    expect(words(choker.decide(now, seeding(REVIEW)))).toEqual(['choke 3', 'unchoke 5'])
  })
})

test('whoever begins to wait does not cut a turn short: the first review comes a whole interval later', () => {
  const choker = new Choker()
  choker.decide(crowd('iiii'), seeding(0))
  choker.decide(crowd('iiii'), seeding(REVIEW - 1))
  expect(choker.decide(crowd('iiiii'), seeding(REVIEW))).toEqual([])
  expect(words(choker.decide(crowd('iiiii'), seeding(2 * REVIEW - 1)))).toEqual(['choke 1', 'unchoke 5'])
  expect(choker.decide(crowd('iiiii'), seeding(2 * REVIEW))).toEqual([])
  // Nor does it when nobody has waited for a while.
  choker.decide(crowd('.iiii'), seeding(4 * REVIEW))
  expect(choker.decide(crowd('iiiii'), seeding(4 * REVIEW + 1))).toEqual([])
})

describe('an attacker', () => {
  const hog = (peers: readonly ChokerPeer[], count: number): ChokerPeer[] =>
    peers.map((peer) => (peer.id <= count ? { ...peer, host: '203.0.113.9' } : peer))

  test('that wants everything and takes nothing keeps its slots only while nobody waits', () => {
    const choker = new Choker()
    const idle = crowd('iiii').map((peer) => ({ ...peer, isTaking: false }))
    choker.decide(idle, seeding(0))
    expect(choker.decide(idle, seeding(10 * GRACE))).toEqual([])
    const all = [...idle, crowd('iiiii')[4]!]
    expect(words(choker.decide(all, seeding(10 * GRACE + 1)))).toEqual(['choke 1', 'unchoke 5'])
  })

  test('with many peers at one address gets the slots that others leave', () => {
    const choker = new Choker()
    const peers = hog(crowd('iiiiiiiiii'), 8)
    for (let now = 0; now <= 6 * REVIEW; now += 2_000) {
      choker.decide(peers, seeding(now))
      expect(unchoked(choker, peers)).toEqual(expect.arrayContaining([9, 10]))
      expect(unchoked(choker, peers)).toHaveLength(SLOTS)
    }
  })

  test('with many peers at one address gives up a slot before those with one', () => {
    const choker = new Choker()
    const peers = crowd('iiiii').map((peer) =>
      [2, 3, 4].includes(peer.id) ? { ...peer, host: '203.0.113.9' } : peer,
    )
    choker.decide(peers, seeding(0))
    expect(words(choker.decide(peers, seeding(REVIEW)))).toEqual(['choke 2', 'unchoke 4'])
  })

  test('that came first gives a slot to who comes later from elsewhere, in the next review', () => {
    const choker = new Choker()
    const attackers = hog(crowd('iiiiii'), 6)
    choker.decide(attackers, seeding(0))
    const all = [...attackers, crowd('iiiiiii')[6]!]
    choker.decide(all, seeding(1))
    expect(unchoked(choker, all)).not.toContain(7)
    for (let now = REVIEW; now <= 5 * REVIEW; now += REVIEW) {
      choker.decide(all, seeding(now))
      expect(unchoked(choker, all)).toContain(7)
    }
  })
})

describe('a leecher', () => {
  test('gives its slots to those that send it most, and one to whoever has waited longest', () => {
    const choker = new Choker()
    const peers = crowd('iiiiiiii', [0, 0, 0, 0, 10, 40, 30, 20])
    choker.decide(peers, downloading(0))
    expect(unchoked(choker, peers)).toEqual([1, 2, 3, 4])

    choker.decide(peers, downloading(REVIEW))
    const [trial, ...rewarded] = unchoked(choker, peers)
    expect(rewarded).toEqual([6, 7, 8])
    expect([1, 2, 3, 4]).toContain(trial)
  })

  test('tries another one out every half minute', () => {
    const choker = new Choker()
    const peers = crowd('iiiiiii', [0, 0, 0, 0, 30, 20, 10])
    const tried = new Set<number>()
    for (let now = 0; now <= 8 * OPTIMISTIC_TURN; now += REVIEW) {
      choker.decide(peers, downloading(now))
      if (now > 0) expect(unchoked(choker, peers)).toEqual(expect.arrayContaining([5, 6, 7]))
      if (now > 0) for (const id of unchoked(choker, peers)) tried.add(id)
    }
    expect([...tried].sort()).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test('gives them to others when those send more; whoever goes on sending most keeps its own', () => {
    const choker = new Choker()
    choker.decide(crowd('iiiiiii', [0, 0, 0, 0, 30, 20, 10]), downloading(0))
    choker.decide(crowd('iiiiiii', [0, 0, 0, 0, 30, 20, 10]), downloading(REVIEW))
    const decisions = choker.decide(crowd('iiiiiii', [50, 0, 0, 0, 30, 20, 0]), downloading(2 * REVIEW))
    expect(words(decisions)).toContain('choke 7')
    expect(decisions.map(({ id }) => id)).not.toEqual(expect.arrayContaining([5]))
    expect(unchoked(choker, crowd('iiiiiii'))).toEqual(expect.arrayContaining([1, 5, 6]))
  })

  test('tries each out for half a minute, even if it has been silent so far', () => {
    const choker = new Choker()
    const peers = crowd('iiiiiii', [0, 0, 0, 0, 30, 20, 10])
    for (let now = 0; now < OPTIMISTIC_TURN; now += REVIEW) choker.decide(peers, downloading(now))
    const owing = peers.map((peer) => ({ ...peer, isAsked: true }))
    const tried: number[] = []
    for (let now = OPTIMISTIC_TURN; now < 3 * OPTIMISTIC_TURN; now += REVIEW) {
      choker.decide(owing, downloading(now))
      tried.push(...unchoked(choker, peers.slice(0, 4)))
    }
    expect(tried).toEqual([tried[0], tried[0], tried[0], tried[3], tried[3], tried[3]])
    expect(tried[0]).not.toBe(tried[3])
  })

  test('does not take one that sends little for one that owes it blocks and sends none', () => {
    const choker = new Choker()
    const peers = crowd('iiiiii', [30, 20, 10, 1, 0, 0]).map((peer) => ({ ...peer, isAsked: peer.id === 4 }))
    const tried = new Set<number>()
    for (let now = 0; now <= 12 * OPTIMISTIC_TURN; now += REVIEW) {
      choker.decide(peers, downloading(now))
      if (now > SNUB + OPTIMISTIC_TURN) for (const id of unchoked(choker, peers)) tried.add(id)
    }
    expect(tried).toContain(4)
  })

  test('does not change its mind between two reviews', () => {
    const choker = new Choker()
    choker.decide(crowd('iiiiii'), downloading(0))
    for (let now = 1_000; now < REVIEW; now += 1_000)
      expect(choker.decide(crowd('iiiiii', [0, 0, 0, 0, 0, now]), downloading(now))).toEqual([])
  })

  test('lets those wait that owe it blocks and have sent none for a minute', () => {
    const choker = new Choker()
    const peers = crowd('iiiiii').map((peer) => ({ ...peer, isAsked: peer.id <= 2 }))
    const seen = new Map<number, Set<number>>()
    for (let now = 0; now <= 40 * REVIEW; now += 2_000) {
      choker.decide(peers, downloading(now))
      for (const id of unchoked(choker, peers)) seen.set(id, (seen.get(id) ?? new Set()).add(now))
    }
    const last = (id: number): number => Math.max(...seen.get(id)!)
    expect([1, 2].map((id) => last(id) < SNUB + 2 * OPTIMISTIC_TURN)).toEqual([true, true])
    expect([3, 4, 5, 6].map(last)).toEqual([40, 40, 40, 40].map((reviews) => reviews * REVIEW))
  })
})
