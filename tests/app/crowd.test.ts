import { expect, test } from 'vitest'
import { Crowd } from '../../src/app/crowd.ts'

test('the largest are those of the address that most came from, in the order in which they came', () => {
  const crowd = new Crowd<string>()
  expect([...crowd.largest]).toEqual([])
  crowd.add('10.0.0.1', 'a')
  crowd.add('10.0.0.2', 'b')
  crowd.add('10.0.0.2', 'c')
  expect([...crowd.largest]).toEqual(['b', 'c'])
  crowd.remove('10.0.0.2', 'b')
  crowd.remove('10.0.0.2', 'c')
  expect([...crowd.largest]).toEqual(['a'])
  expect([crowd.countAt('10.0.0.1'), crowd.countAt('10.0.0.2')]).toEqual([1, 0])
})

test.each([
  ['2001:db8::1', '2001:db8::2:3', true],
  ['2001:db8:0:0:1::', '2001:db8::1', true],
  ['2001:db8:0:1::1', '2001:db8::1', false],
  ['::1', '::2', true],
  ['1:2:3:4:5:6:7:8', '1:2:3:4::', true],
  ['1:2:3:5:5:6:7:8', '1:2:3:4::', false],
  ['10.0.0.1', '10.0.0.2', false],
])('%s and %s are of one network: %s', (a, b, isOne) => {
  const crowd = new Crowd<string>()
  crowd.add(a, 'x')
  expect(crowd.countAt(b)).toBe(isOne ? 1 : 0)
})
