/** What the shells are given to complete; bash is asked itself. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runProgram } from './fake-env.ts'

test.each(['bash', 'zsh', 'fish'])('for %s knows flags and commands', async (shell) => {
  const { code, stdout } = await runProgram(['completion', shell])
  expect(code).toBe(0)
  for (const name of ['max-peers', 'dht-listen', 'no-lan', 'inspect', 'web-seed', 'magnet'])
    expect(stdout).toContain(name)
})

test('bash completes flags with one dash or two, values that are few, commands and their words, and names with spaces', async () => {
  const { stdout: script } = await runProgram(['completion', 'bash'])
  const cwd = mkdtempSync(join(tmpdir(), 'bitswarm-completion-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  writeFileSync(join(cwd, 'model of mine.bin'), '')
  mkdirSync(join(cwd, 'my folder'))
  const complete = (...words: string[]): string[] => {
    const line = `COMP_WORDS=(bitswarm "$@"); COMP_CWORD=$#; _bitswarm; printf '%s\\n' "\${COMPREPLY[@]}"`
    const bash = spawnSync('bash', ['-c', `${script}\n${line}`, 'bash', ...words], {
      cwd,
      encoding: 'utf8',
    })
    expect(bash.stderr).toBe('')
    return bash.stdout.split('\n').filter((word) => word !== '')
  }
  expect(complete('-str')).toEqual(['-strategy'])
  expect(complete('-seed', 'x', '--max-')).toEqual(['--max-peers', '--max-up', '--max-down'])
  expect(complete('--strategy', 'r')).toEqual(['rarest', 'random'])
  expect(complete('-keep', '')).toEqual([])
  expect(complete('-dest', '')).toEqual(['my folder'])
  expect(complete('-seed', 'm')).toEqual(['model of mine.bin', 'my folder'])
  expect(complete('in')).toEqual(['inspect'])
  expect(complete('simulate', '')).toEqual(['dht', 'swarm'])
  expect(complete('completion', 'z')).toEqual(['zsh'])
  expect(complete('create', '-web')).toEqual(['-web-seed'])
})

const hasFish = spawnSync('fish', ['--version']).status === 0

test.skipIf(!hasFish)('fish does so too, behind words that are no command as well', async () => {
  const { stdout: script } = await runProgram(['completion', 'fish'])
  const cwd = mkdtempSync(join(tmpdir(), 'bitswarm-completion-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  writeFileSync(join(cwd, 'model of mine.bin'), '')
  mkdirSync(join(cwd, 'my folder'))
  const hidden = join(cwd, '.fish')
  const complete = (line: string): string[] => {
    const fish = spawnSync('fish', ['--no-config', '-c', `${script}\ncomplete -C "$argv"`, line], {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, HOME: cwd, XDG_CONFIG_HOME: hidden, XDG_DATA_HOME: hidden },
    })
    expect(fish.stderr).toBe('')
    const lines = fish.stdout.split('\n').filter((word) => word !== '')
    return lines.map((word) => word.split('\t')[0]!)
  }
  expect(complete('bitswarm -str')).toEqual(['-strategy'])
  expect(complete('bitswarm --str')).toEqual(['--strategy'])
  expect(complete('bitswarm -seed x -str')).toEqual(['-strategy'])
  expect(complete('bitswarm x.torrent --strategy r')).toEqual(['random', 'rarest'])
  expect(complete('bitswarm -keep ')).toEqual([])
  expect(complete('bitswarm -dest ')).toEqual(['my folder/'])
  expect(complete('bitswarm -seed mo')).toEqual(['model of mine.bin'])
  expect(complete('bitswarm in')).toEqual(['inspect'])
  expect(complete('bitswarm simulate ')).toEqual(['dht', 'swarm'])
  expect(complete('bitswarm create x -web')).toEqual(['-web-seed'])
})
