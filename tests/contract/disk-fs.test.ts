import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FsDisk } from '../../src/storage/fs/fs-disk.ts'
import { describeDownloads } from './disk-downloads.ts'
import type { DiskWorld } from './disk-scene.ts'
import { describeDisk } from './disk.ts'

function makeWorld(): DiskWorld {
  const folder = mkdtempSync(join(tmpdir(), 'bitswarm-disk-'))
  const disk = new FsDisk({ bulkThreads: 2 })
  return {
    disk,
    folder,
    writeFile: (path, content) => {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
    },
    replaceFile: (path, content) => {
      writeFileSync(`${path}.new`, content)
      renameSync(`${path}.new`, path)
    },
    setTime: (path, unixSeconds) => utimesSync(path, unixSeconds, unixSeconds),
    removeFile: (path) => rmSync(path),
    readFile: (path) => (existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined),
    end: async () => {
      await new Promise<void>((done) => disk.close(done))
      rmSync(folder, { recursive: true })
    },
  }
}

describeDisk('the real disk', makeWorld)
describeDownloads('the real disk', makeWorld)
