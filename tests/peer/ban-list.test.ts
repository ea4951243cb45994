/** Who may not connect after a conviction, and who may. */
import { describe, expect, test } from 'vitest'
import {
  BanList,
  MAX_BANS,
  MAX_CONVICTIONS_PER_ADDRESS,
  MAX_CONVICTIONS_PER_NETWORK,
} from '../../src/peer/ban-list.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'

const at = (host: string, port = 6881): Endpoint => ({ host, port })

function convictTimes(bans: BanList, times: number, host: (i: number) => string): void {
  for (let i = 0; i < times; i++) bans.convict(at(host(i), 40_000 + i))
}

describe('a conviction', () => {
  test('bans the endpoint of the liar, and makes its address suspect', () => {
    const bans = new BanList()
    bans.convict(at('203.0.114.1'))
    expect(bans.isBanned(at('203.0.114.1', 6881))).toBe(true)
    expect(bans.isSuspect('203.0.114.1')).toBe(true)
  })

  test('does not ban who shares its address', () => {
    const bans = new BanList()
    bans.convict(at('203.0.114.1'))
    expect(bans.isBanned(at('203.0.114.1', 6882))).toBe(false)
    expect(bans.isSuspect('203.0.114.2')).toBe(false)
  })
})

describe('who comes back from other ports of one address', () => {
  test('is banned with all of it in the end', () => {
    const bans = new BanList()
    convictTimes(bans, MAX_CONVICTIONS_PER_ADDRESS - 1, () => '8.8.4.4')
    expect(bans.isBanned(at('8.8.4.4', 1))).toBe(false)
    convictTimes(bans, 1, () => '8.8.4.4')
    expect(bans.isBanned(at('8.8.4.4', 1))).toBe(true)
  })

  test('stays a suspect on loopback, where all the world has one address', () => {
    const bans = new BanList()
    convictTimes(bans, 100, () => '127.0.0.1')
    expect(bans.isBanned(at('127.0.0.1', 1))).toBe(false)
    expect(bans.isSuspect('127.0.0.1')).toBe(true)
  })
})

describe('who comes back from other addresses of one IPv6 network', () => {
  const address = (i: number): string => `2a00:1450:4001:81b::${(i + 1).toString(16)}`

  test('is a suspect at once, and banned with all of it in the end', () => {
    const bans = new BanList()
    convictTimes(bans, 1, address)
    expect(bans.isSuspect(address(99))).toBe(true)
    expect(bans.isSuspect('2a00:1450:4001:81c::1')).toBe(false)
    convictTimes(bans, MAX_CONVICTIONS_PER_NETWORK - 2, (i) => address(i + 1))
    expect(bans.isBanned(at(address(99)))).toBe(false)
    convictTimes(bans, 1, () => address(77))
    expect(bans.isBanned(at(address(99)))).toBe(true)
    expect(bans.isBanned(at('2a00:1450:4001:81c::1'))).toBe(false)
  })

  test('but on a link or in a private network it says nothing of the neighbours', () => {
    const bans = new BanList()
    for (const network of ['fe80::', 'fd12:3456:789a:1::']) {
      convictTimes(bans, 100, (i) => `${network}${i + 1}`)
      expect(bans.isBanned(at(`${network}ffff`))).toBe(false)
      expect(bans.isSuspect(`${network}ffff`)).toBe(false)
    }
  })
})

test('of too many bans the oldest is forgotten', () => {
  const bans = new BanList()
  convictTimes(bans, MAX_BANS, (i) => `11.0.${i >> 8}.${i & 255}`)
  expect(bans.isBanned(at('11.0.0.0', 40_000))).toBe(true)
  bans.convict(at('12.0.0.1'))
  expect(bans.isBanned(at('11.0.0.0', 40_000))).toBe(false)
  expect(bans.isSuspect('11.0.0.0')).toBe(false)
  expect(bans.isBanned(at('11.0.0.1', 40_001))).toBe(true)
})
