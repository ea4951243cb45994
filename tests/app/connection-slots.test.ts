/** Slots for connections, shared by sessions. */
import { expect, test } from 'vitest'
import { ConnectionSlots } from '../../src/app/connection-slots.ts'

test('there are as many as there are, and not more', () => {
  const slots = new ConnectionSlots(2)
  expect([slots.take(), slots.take(), slots.take()]).toEqual([true, true, false])
  expect([slots.taken, slots.hasFree]).toEqual([2, false])
  slots.release()
  expect([slots.taken, slots.hasFree, slots.take()]).toEqual([1, true, true])
})

test('one that comes free goes to one session after the other, however eager the first is', () => {
  const slots = new ConnectionSlots(1)
  slots.take()
  const takers: string[] = []
  for (const name of ['a', 'b', 'c'])
    slots.watch(() => {
      if (slots.take()) takers.push(name)
    })
  for (let i = 0; i < 6; i++) slots.release()
  expect(takers.join('')).toBe('abcabc')
})

test('is offered on when nobody wants it at first, and not to those who went', () => {
  const slots = new ConnectionSlots(1)
  const asked: string[] = []
  const unwatch = slots.watch(() => asked.push('gone'))
  slots.watch(() => asked.push('not interested'))
  slots.watch(() => asked.push('not interested either'))
  unwatch()
  slots.take()
  slots.release()
  expect(asked).toEqual(['not interested', 'not interested either'])
})

test('one that nobody took cannot be given back', () => {
  expect(() => new ConnectionSlots(1).release()).toThrow('a slot was released that nobody took')
})
