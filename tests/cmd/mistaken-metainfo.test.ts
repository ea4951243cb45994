/** A payload named in place of its metainfo, and metainfo in place of the payload: what people are told. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runProgram, type Outcome } from './fake-env.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'bitswarm-mistaken-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const run = (line: string): Promise<Outcome> => runProgram(line.split(' '), { cwd })

test('who names the payload in place of its metainfo is told', async () => {
  writeFileSync(join(cwd, 'model.bin'), 'no metainfo')
  await run('create model.bin')
  for (const command of [
    '-get model.bin',
    'inspect model.bin',
    'magnet model.bin',
    'verify model.bin',
    'convert model.bin x.bit',
  ])
    expect((await run(command)).stderr).toBe(
      `bitswarm: ${cwd}/model.bin: neither a .bit nor a .torrent file; did you mean ${cwd}/model.bin.bit?\n`,
    )
})

test('who seeds the metainfo in place of the payload is told', async () => {
  writeFileSync(join(cwd, 'model.bin'), 'no metainfo')
  await run('create model.bin')
  expect((await run('-seed model.bin.bit -no-lan -blocklist missing')).stderr.split('\n')[0]).toBe(
    `${cwd}/model.bin.bit is served as a file; to serve what it describes: bitswarm -get ${cwd}/model.bin.bit -dest <its folder> -keep -1`,
  )
})

test('who gives the bare info hash of a torrent is told the link', async () => {
  const hash = '0123456789ABCDEF0123456789abcdef01234567'
  expect((await run(`-get ${hash}`)).stderr).toContain(
    `no such file or folder; to get the torrent with this info hash: bitswarm -get magnet:?xt=urn:btih:${hash}\n`,
  )
})

test('who gets what has no metainfo yet is told how to serve it', async () => {
  writeFileSync(join(cwd, 'model.bin'), 'no metainfo')
  mkdirSync(join(cwd, 'set'))
  const advice = async (name: string): Promise<string> => (await run(name)).stderr.split(';').at(-1)!
  expect(await advice('model.bin')).toBe(` to serve it: bitswarm -seed ${cwd}/model.bin\n`)
  expect(await advice('set')).toBe(` to serve it: bitswarm -seed ${cwd}/set\n`)
})
