/** What a node tells the person at the terminal to type on another machine. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { inviteToDht } from '../../cmd/invitation.ts'
import type { SignalHandlers } from '../../src/app/node/signals.ts'
import { runProgram } from './fake-env.ts'

/** The first lines that a terminal gets of a process that is stopped as soon as it has said so many. */
async function firstLines(count: number, line: string, cwd: string): Promise<readonly string[]> {
  let signals: SignalHandlers | undefined
  let text = ''
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 100 })
  stderr.on('data', (bytes: Buffer) => {
    text += bytes
    if (text.split('\n').length > count) signals?.onStop('SIGTERM')
  })
  const { code } = await runProgram(line.split(' '), {
    cwd,
    stderr,
    variables: { TERM: 'dumb' },
    onSignals(handlers) {
      signals = handlers
      return () => {}
    },
  })
  expect(code).toBe(0)
  return text.split('\n').slice(0, count)
}

test('a seeder and a DHT node at a terminal say how others get to them', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'bitswarm-invitation-'))
  try {
    writeFileSync(join(cwd, 'a.bin'), 'x')
    const flags = '-dht-listen 127.0.0.1:0 -state-dir= -no-lan'
    expect(await firstLines(2, `-seed a.bin -tcp-listen 127.0.0.1:0 ${flags}`, cwd)).toEqual([
      'on another machine:',
      expect.stringMatching(
        /^ {2}bitswarm -get 'magnet:\?xt=urn:btih:[\da-f]{40}&dn=a.bin&x.pe=127.0.0.1:\d+&x.bitswarm=127.0.0.1:\d+'$/,
      ),
    ])
    expect(await firstLines(2, `${flags} -dht-net lab`, join(cwd, '..'))).toEqual([
      'others join through this node with:',
      expect.stringMatching(/^ {2}-bootstrap '127\.0\.0\.1:\d+' -dht-net lab$/),
    ])
  } finally {
    rmSync(cwd, { recursive: true })
  }
})

test('to a private DHT nobody comes without the key', () => {
  expect(inviteToDht(['10.0.0.5:10000', '[fd00::5]:10000'], { dhtNet: undefined, swarmKey: 'k' })[1]).toBe(
    "  -bootstrap '10.0.0.5:10000,[fd00::5]:10000' -swarm-key <a copy of the key file>",
  )
})

test('where nobody can come, nobody is invited', () => {
  expect(inviteToDht([], { dhtNet: undefined, swarmKey: undefined })).toEqual([])
})
