/** rTorrent, without its screen. It cannot be told a peer's address. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClientProcess } from '../client-process.ts'
import type { Client, Job, RunningClient } from '../client.ts'
import { DoneHook } from '../done-hook.ts'

export const rtorrent: Client = {
  name: 'rTorrent',
  canDial: false,
  hasLoopbackPeers: true,

  version: () =>
    /version (\S+?)\.?\s/.exec(spawnSync('rtorrent', ['-h'], { encoding: 'utf8' }).stdout ?? '')?.[1],

  async start(job: Job): Promise<RunningClient> {
    const session = join(job.scratch, 'session')
    mkdirSync(session)
    const checked = new DoneHook(job.scratch, 'checked')
    const finished = new DoneHook(job.scratch, 'finished')
    const rules = [
      'system.daemon.set = true',
      `directory.default.set = ${job.folder}`,
      `session.path.set = ${session}`,
      `network.bind_address.set = ${job.host}`,
      `network.local_address.set = ${job.host}`,
      `network.port_range.set = ${job.port}-${job.port}`,
      'network.port_random.set = no',
      'dht.mode.set = disable',
      'protocol.pex.set = no',
      'protocol.encryption.set = none',
      'trackers.use_udp.set = no',
      // Each piece is hashed when it arrives; hashing all again at the end would only cost time.
      'pieces.hash.on_completion.set = no',
      'pieces.memory.max.set = 4096M',
      'throttle.max_uploads.set = 64',
      ...(job.uploadLimit === undefined ? [] : [`throttle.global_up.max_rate.set = ${job.uploadLimit}`]),
      `method.set_key = event.download.hash_done, bench, "execute2={${checked.path}}"`,
      `method.set_key = event.download.finished, bench, "execute2={${finished.path}}"`,
      `load.start = ${job.torrent}`,
    ]
    const rulesPath = join(job.scratch, 'rtorrent.rc')
    writeFileSync(rulesPath, `${rules.join('\n')}\n`)
    const child = new ClientProcess(['rtorrent', '-n', '-o', `import=${rulesPath}`], job.scratch)
    // A seeder's initial check cannot be avoided.
    if (job.role === 'seed') await child.beforeEnd(checked.whenRun)
    return {
      pid: child.pid,
      complete: child.beforeEnd(finished.whenRun),
      uploadedBytes: async () => undefined,
      async stop() {
        checked.close()
        finished.close()
        await child.stop('SIGKILL')
      },
    }
  },
}
