/** transmission-daemon 3.00. It cannot be told a peer's address and drops loopback ones it hears of, but it answers. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ForeignClient, Job, RunningClient } from './client.ts'
import { firstLine, ForeignProcess } from './foreign-process.ts'
import { HERE } from './netns.ts'
import { RemoteControl, type RemoteAnswer } from './remote-control.ts'

/** Transmission's numbers for what a torrent does. */
const DOWNLOADING = 4
const SEEDING = 6

interface TorrentState {
  readonly status: number
  readonly leftUntilDone: number
  readonly sizeWhenDone: number
  readonly errorString: string
}

export const transmission: ForeignClient = {
  name: 'Transmission',
  canDial: false,

  version: () => firstLine('transmission-daemon', ['--version']),

  async start(job: Job): Promise<RunningClient> {
    const settings = {
      'bind-address-ipv4': job.host.address,
      'peer-port': job.port,
      'peer-port-random-on-start': false,
      'rpc-bind-address': HERE.address,
      'rpc-port': job.controlPort,
      'rpc-authentication-required': false,
      'download-dir': job.folder,
      'incomplete-dir-enabled': false,
      'rename-partial-files': false,
      'port-forwarding-enabled': false,
      'dht-enabled': false,
      'lpd-enabled': job.hasLan,
      'pex-enabled': job.hasPex,
      'utp-enabled': false,
    }
    writeFileSync(join(job.scratch, 'settings.json'), JSON.stringify(settings))
    const words = ['-f', '-g', job.scratch, '--log-info']
    const daemon = new ForeignProcess('transmission-daemon', words, { host: job.host })
    const remote = new RemoteControl(job.host, job.controlPort, job.scratch)
    const control = new Control(remote)
    const stop = async (): Promise<void> => {
      await remote.stop()
      await daemon.stop()
    }
    try {
      await daemon.until('reachable by RPC', () => control.isUp())
      const what = job.source.startsWith('magnet:')
        ? { filename: job.source }
        : { metainfo: readFileSync(job.source).toString('base64') }
      await control.call('torrent-add', { ...what, 'download-dir': job.folder, paused: false })
      await daemon.until(job.role === 'seed' ? 'seeding' : 'downloading', async () => {
        const { status, leftUntilDone } = await control.torrent()
        return job.role === 'seed' ? status === SEEDING && leftUntilDone === 0 : status === DOWNLOADING
      })
    } catch (error) {
      await stop()
      throw error
    }
    return {
      isComplete: async () => {
        const { leftUntilDone, sizeWhenDone, errorString } = await control.torrent()
        if (errorString !== '') throw new Error(`Transmission: ${errorString}`)
        return sizeWhenDone > 0 && leftUntilDone === 0
      },
      get output() {
        return daemon.output
      },
      stop,
    }
  },
}

/** Its RPC over HTTP: the first answer is a 409 with the session id that later calls must carry. */
class Control {
  readonly #remote: RemoteControl
  #session = ''

  constructor(remote: RemoteControl) {
    this.#remote = remote
  }

  async isUp(): Promise<boolean> {
    return this.call('session-get', {}).then(
      () => true,
      () => false,
    )
  }

  async torrent(): Promise<TorrentState> {
    const fields = ['status', 'leftUntilDone', 'sizeWhenDone', 'errorString']
    const { torrents } = (await this.call('torrent-get', { fields })) as { torrents: TorrentState[] }
    if (torrents.length !== 1) throw new Error(`Transmission has ${torrents.length} torrents, not one`)
    return torrents[0]!
  }

  async call(method: string, args: object): Promise<unknown> {
    const body = { method, arguments: args }
    const ask = (): Promise<RemoteAnswer> =>
      this.#remote.post('/transmission/rpc', body, { 'X-Transmission-Session-Id': this.#session })
    let response = await ask()
    if (response.status === 409) {
      this.#session = String(response.headers['x-transmission-session-id'])
      response = await ask()
    }
    const { result, arguments: answer } = response.body as { result: string; arguments: unknown }
    if (result !== 'success') throw new Error(`Transmission: ${method}: ${result}`)
    return answer
  }
}
