/** aria2c. It cannot be told a peer's address. */
import { spawnSync } from 'node:child_process'
import { ClientProcess } from '../client-process.ts'
import type { Client, Job, RunningClient } from '../client.ts'
import { DoneHook } from '../done-hook.ts'
import { untilListening } from '../listening.ts'

export const aria2: Client = {
  name: 'aria2',
  canDial: false,
  hasLoopbackPeers: true,

  version: () =>
    /version (\S+)/.exec(spawnSync('aria2c', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1],

  async start(job: Job): Promise<RunningClient> {
    const hook = new DoneHook(job.scratch, 'complete')
    const child = new ClientProcess([
      'aria2c',
      '--no-conf',
      '--quiet',
      `--interface=${job.host}`,
      `--listen-port=${job.port}`,
      `--dir=${job.folder}`,
      '--disable-ipv6=true',
      '--enable-dht=false',
      '--enable-dht6=false',
      '--bt-enable-lpd=false',
      '--enable-peer-exchange=false',
      '--bt-require-crypto=false',
      '--bt-min-crypto-level=plain',
      '--bt-max-peers=0',
      '--file-allocation=none',
      '--auto-save-interval=0',
      // It keeps seeding whatever it has uploaded; as a seeder it takes the existing file for complete.
      '--seed-ratio=0.0',
      ...(job.role === 'seed' ? ['--bt-seed-unverified=true'] : []),
      `--on-bt-download-complete=${hook.path}`,
      '--enable-rpc',
      `--rpc-listen-port=${job.controlPort}`,
      ...(job.uploadLimit === undefined ? [] : [`--max-upload-limit=${job.uploadLimit}`]),
      job.torrent,
    ])
    if (job.role === 'seed') await untilListening(child, job)
    return {
      pid: child.pid,
      complete: child.beforeEnd(hook.whenRun),
      async uploadedBytes() {
        const answer = await fetch(`http://127.0.0.1:${job.controlPort}/jsonrpc`, {
          method: 'POST',
          body: JSON.stringify({
            jsonrpc: '2.0',
            id: 1,
            method: 'aria2.tellActive',
            params: [['uploadLength']],
          }),
        })
        const { result } = (await answer.json()) as { result: { uploadLength: string }[] }
        return result.reduce((sum, { uploadLength }) => sum + Number(uploadLength), 0)
      },
      async stop() {
        hook.close()
        await child.stop()
      },
    }
  },
}
