/** transmission-daemon. It cannot be given a peer's address, and accepts none of loopback. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ClientProcess } from '../client-process.ts'
import type { Client, Job, RunningClient } from '../client.ts'
import { DoneHook } from '../done-hook.ts'
import { untilListening } from '../listening.ts'

const POLL_INTERVAL_MS = 50
/** Transmission's status number of a seeding torrent. */
const SEEDING = 6

interface TorrentState {
  readonly status: number
  readonly leftUntilDone: number
  readonly uploadedEver: number
}

export const transmission: Client = {
  name: 'Transmission',
  canDial: false,
  hasLoopbackPeers: false,

  version() {
    const { stdout, stderr } = spawnSync('transmission-daemon', ['--version'], { encoding: 'utf8' })
    return /transmission-daemon (\S+)/.exec(`${stdout}${stderr}`)?.[1]
  },

  async start(job: Job): Promise<RunningClient> {
    const hook = new DoneHook(job.scratch, 'complete')
    const settings = {
      'bind-address-ipv4': job.host,
      'peer-port': job.port,
      'peer-port-random-on-start': false,
      'port-forwarding-enabled': false,
      'rpc-bind-address': '127.0.0.1',
      'rpc-port': job.controlPort,
      'rpc-authentication-required': false,
      'dht-enabled': false,
      'lpd-enabled': false,
      'pex-enabled': false,
      'utp-enabled': false,
      encryption: 0,
      preallocation: 0,
      'download-dir': job.folder,
      'incomplete-dir-enabled': false,
      'rename-partial-files': false,
      'script-torrent-done-enabled': true,
      'script-torrent-done-filename': hook.path,
      // It counts in units of 1,000 bytes.
      'speed-limit-up-enabled': job.uploadLimit !== undefined,
      'speed-limit-up': Math.round((job.uploadLimit ?? 0) / 1_000),
    }
    writeFileSync(join(job.scratch, 'settings.json'), JSON.stringify(settings))
    const child = new ClientProcess(['transmission-daemon', '-f', '-g', job.scratch, '--log-error'])
    await untilListening(child, { port: job.controlPort })
    const control = new Control(job.controlPort)
    const metainfo = readFileSync(job.torrent).toString('base64')
    await control.call('torrent-add', { metainfo, 'download-dir': job.folder, paused: false })
    if (job.role === 'seed')
      while ((await control.torrent()).status !== SEEDING) await delay(POLL_INTERVAL_MS)
    return {
      pid: child.pid,
      complete: child.beforeEnd(hook.whenRun),
      uploadedBytes: async () => (await control.torrent()).uploadedEver,
      async stop() {
        hook.close()
        await child.stop()
      },
    }
  },
}

/** Its RPC over HTTP: the first answer is a 409 with the session id that later calls must carry. */
class Control {
  readonly #url: string
  #session = ''

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/transmission/rpc`
  }

  async torrent(): Promise<TorrentState> {
    const fields = ['status', 'leftUntilDone', 'uploadedEver']
    const { torrents } = (await this.call('torrent-get', { fields })) as { torrents: TorrentState[] }
    if (torrents.length !== 1) throw new Error(`Transmission has ${torrents.length} torrents, not one`)
    return torrents[0]!
  }

  async call(method: string, args: object): Promise<unknown> {
    const ask = (): Promise<Response> =>
      fetch(this.#url, {
        method: 'POST',
        headers: { 'X-Transmission-Session-Id': this.#session },
        body: JSON.stringify({ method, arguments: args }),
      })
    let response = await ask()
    if (response.status === 409) {
      this.#session = response.headers.get('x-transmission-session-id') ?? ''
      response = await ask()
    }
    const { result, arguments: answer } = (await response.json()) as { result: string; arguments: unknown }
    if (result !== 'success') throw new Error(`Transmission: ${method}: ${result}`)
    return answer
  }
}
