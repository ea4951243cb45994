/** Every way to end has its exit code, its last line, and leaves nothing locked. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FROM_SOURCE } from '../../scripts/swarm-process.ts'
import { Nodes } from './nodes.ts'

const MiB = 1024 ** 2

let nodes: Nodes
beforeEach(() => {
  nodes = new Nodes()
})
afterEach(() => {
  expect(nodes.close()).toEqual([])
})

test('no payload within -timeout: 4', async () => {
  await nodes.make('model.bin', MiB)
  const leecher = nodes.start('leecher', '-get model.bin.bit -dest out -timeout 1')
  expect(await nodes.end(leecher)).toBe(4)
  expect(leecher.seen('error')).toMatchObject([{ code: 'net.no-peers', family: 'TransportError' }])
  expect(leecher.seen('exit')).toMatchObject([{ code: 4 }])
})

test('bad metainfo: 3', async () => {
  writeFileSync(nodes.path('bad.torrent'), 'd4:infod6:lengthi-1eee')
  const leecher = nodes.start('leecher', '-get bad.torrent')
  expect(await nodes.end(leecher)).toBe(3)
  expect(leecher.seen('start')).toHaveLength(1)
  expect(leecher.seen('error')).toMatchObject([{ family: 'MetainfoError' }])
})

test('a port in use: 4, and the line names it', async () => {
  await nodes.make('model.bin', MiB)
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as { port: number }
  const seeder = nodes.start('seeder', `-seed model.bin -tcp-listen 127.0.0.1:${port}`)
  expect(await nodes.end(seeder)).toBe(4)
  expect(seeder.epitaph).toContain(`another process listens on 127.0.0.1:${port}`)
  blocker.close()
})

test('two writers on one download: the second one says who holds it and ends with 5', async () => {
  await nodes.make('model.bin', MiB)
  const get = '-get model.bin.bit -dest out'
  const first = nodes.start('first', get)
  await nodes.event(first, 'resume')
  const second = nodes.start('second', get)
  expect(await nodes.end(second)).toBe(5)
  expect(second.seen('error')).toMatchObject([
    { code: 'disk.locked', message: expect.stringContaining(String(first.pid)) },
  ])
})

test('a payload that is not what its metainfo says: 6', async () => {
  await nodes.make('model.bin', MiB)
  const path = nodes.path('model.bin')
  const bytes = readFileSync(path)
  writeFileSync(
    path,
    Uint8Array.from(bytes, (byte) => byte ^ 1),
  )
  expect(await nodes.end(nodes.start('changed', '-seed model.bin'))).toBe(6)
  writeFileSync(path, bytes.subarray(1))
  expect(await nodes.end(nodes.start('short', '-seed model.bin'))).toBe(6)
})

test('a signal during a download: 130, and the download can go on', async () => {
  nodes.write('model.bin', 4 * MiB)
  const { address } = await nodes.seed('model.bin', '-max-up 1MiB')
  const leecher = nodes.start('leecher', `-get model.bin.bit -peer ${address} -dest out`)
  await nodes.event(leecher, 'have')
  leecher.signal('SIGINT')
  expect(await nodes.end(leecher)).toBe(130)
  expect(leecher.seen('complete')).toEqual([])
  expect(leecher.seen('stopping')).toMatchObject([{ reason: 'SIGINT' }])
  expect(leecher.seen('exit')).toMatchObject([{ code: 130 }])
  const again = nodes.start('again', '-get model.bin.bit -dest out')
  expect(await nodes.event(again, 'resume')).toMatchObject({
    have: leecher.seen('have').length,
    source: 'resume',
  })
})

test('SIGHUP announces again and says how things are', async () => {
  nodes.write('model.bin', 100_000)
  const { seeder } = await nodes.seed('model.bin')
  seeder.signal('SIGHUP')
  await nodes.event(seeder, 'stats')
  expect(seeder.isRunning).toBe(true)
})

test('the reader of stdout goes away: 141, and without a word', async () => {
  await nodes.make('model.bin', MiB)
  const shell = spawn(
    'sh',
    [
      '-c',
      '{ "$0" "$1" -seed model.bin -dht-listen "" -log-level debug; echo $? >code; } | head -1',
      process.execPath,
      FROM_SOURCE,
    ],
    {
      cwd: nodes.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let stderr = ''
  shell.stderr.on('data', (text) => (stderr += String(text)))
  await new Promise((resolve) => shell.once('close', resolve))
  expect(stderr.split('\n').filter((line) => !line.startsWith('model.bin: '))).toEqual([''])
  expect(readFileSync(nodes.path('code'), 'utf8')).toBe('141\n')
})

test.skipIf(!existsSync('/dev/full'))('a result that has no room: 5', async () => {
  await nodes.make('model.bin', 1_000)
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', '"$0" "$1" inspect model.bin.bit >/dev/full', process.execPath, FROM_SOURCE],
    { cwd: nodes.folder, encoding: 'utf8' },
  )
  expect([status, stderr]).toEqual([
    5,
    expect.stringMatching(/^bitswarm: cannot write to stdout: ENOSPC.*\n$/),
  ])
})

test('a current folder that somebody has removed: 5, and one line', () => {
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', 'mkdir x && cd x && rmdir ../x && exec "$0" "$1" inspect a.bit', process.execPath, FROM_SOURCE],
    { encoding: 'utf8', cwd: nodes.folder },
  )
  expect([status, stderr]).toEqual([
    5,
    'bitswarm: the current folder has been removed: change to another one\n',
  ])
})

test('a reader that stalls stops neither the download nor an operator who insists', async () => {
  // 1,024 pieces: some 260 kB of log, four times what the pipe takes.
  nodes.write('model.bin', 16 * MiB)
  const { address } = await nodes.seed('model.bin', '-piece-length 16KiB')
  const pipe = nodes.path('pipe')
  execFileSync('mkfifo', [pipe])
  const readFd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const writeFd = openSync(pipe, constants.O_WRONLY)
  const args = ['-get', 'model.bin.bit', '-dest', 'out', '-peer', address, '-dht-listen', '']
  const stalled = spawn(process.execPath, [FROM_SOURCE, ...args], {
    cwd: nodes.folder,
    stdio: ['ignore', writeFd, 'ignore'],
  })
  const ended = new Promise<unknown>((resolve) =>
    stalled.once('exit', (code, signal) => resolve(code ?? signal)),
  )
  await vi.waitFor(() => expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin')), {
    timeout: 15_000,
    interval: 100,
  })
  stalled.kill('SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(stalled.exitCode).toBeNull() // it still hopes that somebody reads
  stalled.kill('SIGINT')
  expect(await ended).toBe('SIGINT')
  closeSync(readFd)
  closeSync(writeFd)
})

test('nothing is left beside a payload but its metainfo', async () => {
  await nodes.make('model.bin', MiB)
  const seeder = nodes.start('seeder', '-seed model.bin')
  await nodes.event(seeder, 'complete')
  expect(await seeder.stop()).toBe(0)
  expect(readdirSync(nodes.folder).toSorted()).toEqual(['model.bin', 'model.bin.bit'])
})
