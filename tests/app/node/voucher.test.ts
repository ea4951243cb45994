/** Metainfo vouches for what was there before it, by the times of both. */
import {
  chmodSync,
  linkSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Voucher } from '../../../src/app/node/voucher.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-voucher-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const at = (name: string): string => join(folder, name)
const make = (name: string, unixSeconds: number): void => {
  writeFileSync(at(name), name)
  utimesSync(at(name), unixSeconds, unixSeconds)
}
/** Until the clock that dates files has ticked. */
const later = (): void => {
  make('tick', 0)
  for (const { ctimeMs } = statSync(at('tick')); statSync(at('tick')).ctimeMs === ctimeMs;) make('tick', 0)
}
const voucher = (...files: readonly string[]): Promise<Voucher> => Voucher.of(at('metainfo'), files.map(at))
const isValid = async (...files: readonly string[]): Promise<boolean> => (await voucher(...files)).isValid

describe('it does not vouch for', () => {
  test('what was written since, but for what was there before', async () => {
    make('a', 1_000)
    later()
    make('metainfo', 1_000)
    expect(await isValid('a', 'missing')).toBe(true)
    later()
    writeFileSync(at('a'), 'b')
    expect(await isValid('a')).toBe(false)
  })

  test('what was written since, when the metainfo was given other rights after it', async () => {
    make('metainfo', 1_000)
    make('a', 2_000)
    later()
    chmodSync(at('metainfo'), 0o600)
    expect(await isValid('a')).toBe(false)
  })

  test('what was put in its place since, however old it says it is', async () => {
    make('a', 1_000)
    make('metainfo', 2_000)
    later()
    make('a.new', 500)
    renameSync(at('a.new'), at('a'))
    expect(await isValid('a')).toBe(false)
  })
})

describe('once all was read and is good', () => {
  test.each<[string, () => void]>([
    ['touched', () => utimesSync(at('a'), 2_000.123456, 2_000.123456)],
    ['dated into the future', () => utimesSync(at('a'), 5e9, 5e9)],
    ['given another name', () => linkSync(at('a'), at('b'))],
  ])('it vouches again for what was %s, and still not for what is written then', async (_how, change) => {
    make('a', 1_000)
    make('metainfo', 1_000)
    later()
    change()
    const before = await voucher('a')
    expect(before.isValid).toBe(false)
    later()
    await before.renew()
    expect(await isValid('a')).toBe(true)
    later()
    writeFileSync(at('a'), 'b')
    expect(await isValid('a')).toBe(false)
  })

  test('it vouches for nothing when a file was changed meanwhile, and dated back', async () => {
    make('metainfo', 1_000)
    make('a', 2_000)
    const before = await voucher('a')
    later()
    make('a', 2_000)
    await before.renew()
    expect(await isValid('a')).toBe(false)
  })

  test('it says so when the metainfo cannot be dated', async () => {
    make('metainfo', 1_000)
    const before = await voucher()
    rmSync(at('metainfo'))
    await expect(before.renew()).rejects.toThrow(/metainfo: no such file or directory \(ENOENT\)$/)
  })
})
