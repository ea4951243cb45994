/** A file system that is really full: a small one of our own, which only root may mount. Skipped elsewhere. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Nodes } from './nodes.ts'

const MiB = 1024 ** 2
const LENGTH = 8 * MiB

function mount(folder: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${LENGTH + MiB}`, 'tmpfs', folder]).status === 0
}

/** Also while somebody has files open there. */
function unmount(folder: string): void {
  spawnSync('umount', ['--lazy', folder])
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'bitswarm-mount-'))
  const isMounted = mount(folder)
  if (isMounted) unmount(folder)
  rmSync(folder, { recursive: true })
  return isMounted
}

const isSkipped = !canMount()

describe.skipIf(isSkipped)(
  `a full disk${isSkipped ? ' (skipped: tmpfs cannot be mounted here)' : ''}`,
  () => {
    let nodes: Nodes
    beforeEach(() => {
      nodes = new Nodes()
      nodes.write('model.bin', LENGTH)
      mkdirSync(nodes.path('small'))
      mount(nodes.path('small'))
    })
    afterEach(() => {
      unmount(nodes.path('small'))
      expect(nodes.close()).toEqual([])
    })

    /** Another program takes all that is free. */
    const fill = (): void => {
      expect(() => writeFileSync(nodes.path('small', 'other'), new Uint8Array(2 * LENGTH))).toThrow('ENOSPC')
    }
    const makeRoom = (): void => rmSync(nodes.path('small', 'other'))
    const get = '-get model.bin.bit -dest small'

    test('a payload that does not fit is refused before anything is fetched: 5', async () => {
      await nodes.make('model.bin', LENGTH)
      fill()
      const leecher = nodes.start('leecher', get)
      expect(await nodes.end(leecher)).toBe(5)
      expect(leecher.seen('error')).toMatchObject([{ code: 'disk.full', family: 'StorageError' }])
    })

    test('a disk that fills on the way stalls the download until there is room', async () => {
      const { address } = await nodes.seed('model.bin', '-max-up 4MiB')
      const leecher = nodes.start('leecher', `${get} -peer ${address}`)
      await nodes.event(leecher, 'have')
      fill()
      expect(await nodes.event(leecher, 'disk_error')).toMatchObject({ code: 'disk.full', retrySeconds: 1 })
      makeRoom()
      await nodes.event(leecher, 'disk_recovered')
      expect(await nodes.end(leecher)).toBe(0)
      expect(nodes.digest('small/model.bin')).toBe(nodes.digest('model.bin'))
    })

    test('a download that is stopped while the disk is full goes on later with what it had', async () => {
      const { address } = await nodes.seed('model.bin', '-max-up 4MiB')
      const leecher = nodes.start('leecher', `${get} -peer ${address}`)
      await nodes.event(leecher, 'have')
      fill()
      await nodes.event(leecher, 'disk_error')
      leecher.signal('SIGINT')
      expect(await nodes.end(leecher)).toBe(130)
      makeRoom()
      const again = nodes.start('again', `${get} -peer ${address}`)
      expect(await nodes.event(again, 'resume')).toMatchObject({ have: leecher.seen('have').length })
      expect(await nodes.end(again)).toBe(0)
      expect(nodes.digest('small/model.bin')).toBe(nodes.digest('model.bin'))
    })
  },
)
