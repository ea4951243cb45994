/** Where nothing can be written, that is said at once, not after hours of work for it. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runProgram, type Outcome } from './fake-env.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'bitswarm-unwritable-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const run = (line: string): Promise<Outcome> => runProgram(line.split(' '), { cwd })

/** Of a torrent that nobody has. */
const LINK = 'magnet:?xt=urn:btih:0123456789012345678901234567890123456789'

/** A terabyte of nothing, which takes hours to read. */
function makeHugeFile(name: string): void {
  const path = join(cwd, name)
  writeFileSync(path, '')
  truncateSync(path, 2 ** 40)
}

test('where nothing can be written, but may be there already, that is said before anybody is asked', async () => {
  const { stderr, log } = await run(`-get ${LINK} -dest /proc/${process.pid} -no-lan -blocklist missing`)
  expect(stderr.split('\n')[0]).toMatch(/^\/proc\/\d+: .*: only what is there already can be served$/)
  expect(log.map(({ event }) => event)).toEqual(['start', 'error', 'stopping', 'exit'])
})

test.each(['-seed', 'create'])(
  '%s of what has no room in its name for .bit fails before it is read',
  async (verb) => {
    const name = 'n'.repeat(252)
    makeHugeFile(name)
    const { code, stderr } = await run(`${verb} ${name}`)
    expect(code).toBe(5)
    expect(stderr).toContain(`cannot write ${cwd}/${name}.bit: the name is too long`)
  },
)

test('create into a folder that is not there fails before anything is read', async () => {
  makeHugeFile('big')
  expect(await run('create big -o nowhere/big.bit')).toMatchObject({
    code: 5,
    stderr: `bitswarm: cannot write ${cwd}/nowhere/big.bit: there is no such file or folder\n`,
  })
})
