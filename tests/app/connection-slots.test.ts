/** Slots for connections, shared by sessions. */
import { describe, expect, test } from 'vitest'
import { ConnectionSlots, type SlotHolder } from '../../src/app/connection-slots.ts'

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

describe('when all are taken', () => {
  const ATTACKER = '203.0.113.9'

  /** All slots settled by the letters of a picture, lower-case ones at an address of their own. @returns who left, in order */
  function fill(picture: string, rates: Readonly<Record<number, number>> = {}) {
    const slots = new ConnectionSlots(picture.length)
    const left: string[] = []
    for (const [at, letter] of [...picture].entries()) {
      slots.take()
      const holder: SlotHolder = {
        host: letter === 'A' ? ATTACKER : `198.51.100.${at}`,
        rate: () => rates[at] ?? 0,
        yield: () => {
          left.push(`${letter}${at}`)
          slots.release(holder)
        },
      }
      slots.settle(holder)
    }
    return { slots, left }
  }

  test('one of the address that holds most makes room for a caller, the last of those that move least', () => {
    const { slots, left } = fill('bAAAA', { 3: 10, 4: 20 })
    expect(slots.takeForCaller('192.0.2.1')).toBe(true)
    expect([left, slots.taken]).toEqual([['A2'], 5])
  })

  test('nobody makes room for a caller whose address would then hold more', () => {
    const { slots, left } = fill('AAAA')
    expect(slots.takeForCaller(ATTACKER)).toBe(false)
    const lonely = fill('bcde')
    expect(lonely.slots.takeForCaller('192.0.2.1')).toBe(false)
    expect([left, lonely.left]).toEqual([[], []])
  })

  test('one of two of an address makes room for a caller from another, an only one does not', () => {
    const { slots, left } = fill('AAb')
    expect([slots.takeForCaller('192.0.2.1'), slots.takeForCaller('192.0.2.2')]).toEqual([true, false])
    expect(left).toEqual(['A1'])
  })

  test('the slot is not offered to others on the way', () => {
    const { slots } = fill('AAAA')
    let offers = 0
    slots.watch(() => offers++)
    slots.takeForCaller('192.0.2.1')
    expect([offers, slots.taken]).toEqual([0, 4])
    slots.release()
    expect([offers, slots.taken]).toEqual([1, 3])
  })

  test('whom we would call gets one only of those that hold more than half', () => {
    const { slots, left } = fill('AAAb')
    expect(slots.hasRoom).toBe(true)
    expect([slots.takeForDial('192.0.2.1'), slots.takeForDial('192.0.2.2')]).toEqual([true, false])
    expect([left, slots.hasRoom]).toEqual([['A2'], false])
  })
})
