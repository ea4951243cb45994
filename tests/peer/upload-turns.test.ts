/** In which order peers are served from one budget. */
import { expect, test } from 'vitest'
import { TURN, UploadTurns } from '../../src/peer/upload-turns.ts'

/** Serves blocks of a millisecond each: `a1 a1 a2` are what `a` asked for, by piece. @returns who was served, in order */
function serve(asked: Readonly<Record<string, number[]>>, rank: (name: string) => number = () => 0): string {
  const turns = new UploadTurns<string>(rank)
  for (const name of Object.keys(asked)) turns.add(name)
  const served: string[] = []
  for (let name = turns.current, now = 0; name !== undefined; name = turns.current) {
    const piece = asked[name]![0]
    if (piece === undefined) turns.remove(name)
    else if (turns.mayServe(piece, now)) {
      asked[name]!.shift()
      served.push(`${name}${piece}`)
      now++
    }
  }
  return served.join(' ')
}

test('each is sent what it asked for of one piece, then comes the next', () => {
  expect(serve({ a: [1, 1, 2], b: [3, 3], c: [4] })).toBe('a1 a1 b3 b3 c4 a2')
})

test('whoever is alone is not interrupted', () => {
  expect(serve({ a: [1, 2, 3] })).toBe('a1 a2 a3')
})

test('a long piece does not keep others waiting', () => {
  const long = Array.from({ length: 3 * TURN }, () => 1)
  expect(
    serve({ a: long, b: [2] })
      .split(' ')
      .indexOf('b2'),
  ).toBe(TURN)
})

test('the lowest rank goes first, as long as it has something to send', () => {
  expect(serve({ a: [1, 2], b: [3, 4] }, (name) => (name === 'b' ? 0 : 1))).toBe('b3 b4 a1 a2')
})
