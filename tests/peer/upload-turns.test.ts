/** In which order peers are served from one budget. */
import { expect, test } from 'vitest'
import { TURN, UploadTurns } from '../../src/peer/upload-turns.ts'

interface Member {
  readonly name: string
  /** Pieces that it asked for blocks of, in order. */
  readonly asked: number[]
  /** How long a block is, in milliseconds that it takes to send. */
  readonly length: number
}

/** @returns whose turn it was, block by block, as `a1 a1 a2`: what `a` asked for, by piece */
function serve(
  members: readonly Member[],
  { rank = () => 0, most = Infinity }: { rank?: (member: Member) => number; most?: number } = {},
): string {
  const turns = new UploadTurns<Member>(rank)
  for (const member of members) turns.add(member)
  const served: string[] = []
  let now = 0
  for (let member = turns.current; member !== undefined && now < most; member = turns.current) {
    const piece = member.asked[0]
    if (piece === undefined) turns.remove(member)
    else if (turns.mayServe(piece, now)) {
      turns.onServed(piece, member.length, now)
      member.asked.shift()
      served.push(`${member.name}${piece}`)
      now += member.length
    }
  }
  return served.join(' ')
}

function member(name: string, asked: number[], length = 1): Member {
  return { name, asked, length }
}

test('each is sent what it asked for of one piece, then comes the next', () => {
  const members = [member('a', [1, 1, 2]), member('b', [3, 3]), member('c', [4])]
  expect(serve(members)).toBe('a1 a1 b3 b3 c4 a2')
})

test('whoever is alone is not interrupted', () => {
  expect(serve([member('a', [1, 2, 3])])).toBe('a1 a2 a3')
})

test('a long piece does not keep others waiting', () => {
  const long = Array.from({ length: 3 * TURN }, () => 1)
  const served = serve([member('a', long), member('b', [2])]).split(' ')
  expect(served.indexOf('b2')).toBe(TURN)
})

test('whoever asks for much at once is not sent more in the end', () => {
  const short = member(
    'a',
    Array.from({ length: 3_000 }, (_, block) => Math.floor(block / 300)),
  )
  const long = member(
    'b',
    Array.from({ length: 20 }, (_, block) => block),
    1.5 * TURN,
  )
  const served = serve([short, long], { most: 30 * TURN }).split(' ')
  const sentTo = ({ name, length }: Member): number =>
    length * served.filter((each) => each.startsWith(name)).length
  expect(Math.abs(sentTo(short) - sentTo(long))).toBeLessThanOrEqual(2 * TURN)
})

test('whoever had nothing to send does not catch up', () => {
  const turns = new UploadTurns<{ name: string }>(() => 0)
  const [busy, late] = [{ name: 'busy' }, { name: 'late' }]
  turns.add(busy)
  expect(turns.current).toBe(busy)
  turns.onServed(0, 1_000, 0)
  turns.add(late)
  const order: string[] = []
  for (let piece = 1; piece <= 4; piece++) {
    while (!turns.mayServe(piece, 0)) expect(turns.current).toBeDefined()
    turns.onServed(piece, 1, 0)
    order.push(turns.current!.name)
  }
  expect(order).toEqual(['busy', 'late', 'busy', 'late'])
})

test('a block is sent, however long the budget for it takes to come together', () => {
  const [a, b] = [{ name: 'a' }, { name: 'b' }]
  const turns = new UploadTurns<{ name: string }>(() => 0)
  for (const each of [a, b]) turns.add(each)
  expect(turns.current).toBe(a)
  expect(turns.mayServe(1, 0)).toBe(true)
  expect(turns.mayServe(1, 2 * TURN)).toBe(true)
  turns.onServed(1, 1, 2 * TURN)
  expect(turns.mayServe(1, 3 * TURN - 1)).toBe(true)
  expect(turns.mayServe(1, 3 * TURN)).toBe(false)
  expect(turns.current).toBe(b)
})

test('the lowest rank goes first, as long as it has something to send', () => {
  const members = [member('a', [1, 2]), member('b', [3, 4])]
  expect(serve(members, { rank: ({ name }) => (name === 'b' ? 0 : 1) })).toBe('b3 b4 a1 a2')
})

test('nor does whoever joins when nobody has anything to send', () => {
  const turns = new UploadTurns<{ name: string }>(() => 0)
  const [busy, late] = [{ name: 'busy' }, { name: 'late' }]
  turns.add(busy)
  expect(turns.current).toBe(busy)
  turns.onServed(0, 1_000, 0)
  turns.remove(busy)
  for (const each of [late, busy]) turns.add(each)
  const order: string[] = []
  for (let piece = 1; piece <= 4; piece++) {
    while (turns.current === undefined || !turns.mayServe(piece, 0)) expect(order.length).toBeLessThan(4)
    turns.onServed(piece, 1, 0)
    order.push(turns.current!.name)
  }
  expect(order).toEqual(['late', 'busy', 'late', 'busy'])
})

test('a rank counts for more than what was sent', () => {
  const rank = ({ name }: Member): number => (name === 'late' ? 1 : 0)
  const members = [member('first', [1, 1, 1, 2]), member('late', [3])]
  expect(serve(members, { rank })).toBe('first1 first1 first1 first2 late3')
})

test('a newcomer counts as sent as much as the one that was sent least, and who leaves ends no turn but its own', () => {
  const turns = new UploadTurns<{ name: string }>(() => 0)
  const [little, much, late] = [{ name: 'little' }, { name: 'much' }, { name: 'late' }]
  for (const each of [little, much]) turns.add(each)
  const serveNext = (bytes: number): string => {
    const { name } = turns.current!
    turns.onServed(0, bytes, 0)
    turns.mayServe(1, 0)
    return name
  }
  expect([serveNext(500), serveNext(1_000)]).toEqual(['little', 'much'])
  turns.add(late)
  expect([serveNext(100), serveNext(100), serveNext(600)]).toEqual(['little', 'late', 'little'])
  expect(turns.current).toBe(late)
  turns.onServed(2, 900, 0)
  turns.remove(much)
  expect(turns.current).toBe(late)
})
