import { opensslHashes } from '../../src/app/node/hashes.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import type { Clock } from '../../src/protocol/ports.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { describeDownloads } from './disk-downloads.ts'
import type { DiskWorld } from './disk-scene.ts'
import { describeDisk } from './disk.ts'

let looksAtClock = 0

/** Time passes when somebody looks at the date, and turns do. */
const turns: Clock = {
  now: () => 0,
  wallNow: () => ++looksAtClock,
  after: (_delay, fn) => {
    const immediate = setImmediate(fn)
    return () => clearImmediate(immediate)
  },
}

function makeWorld(): DiskWorld {
  const disk = new MemoryDisk({ clock: turns, random: new SeededRandom(1), hashes: opensslHashes })
  return {
    disk,
    folder: '/data',
    writeFile: (path, content) => disk.writeFile(path, content),
    replaceFile: (path, content) => disk.writeFile(path, content),
    setTime: (path, unixSeconds) => disk.setTime(path, 1_000 * unixSeconds),
    removeFile: (path) => disk.removeFile(path),
    readFile: (path) => disk.readFile(path),
    end: () => new Promise((done) => disk.close(done)),
  }
}

describeDisk('a disk in memory', makeWorld)
describeDownloads('a disk in memory', makeWorld)
