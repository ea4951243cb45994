/** transmission-daemon 3.00. It cannot be told a peer's address and drops loopback ones it hears of, but it answers. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClientProcess, firstLine, HOST, type ForeignClient, type Job, type RunningClient } from './client.ts'

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
      'bind-address-ipv4': HOST,
      'peer-port': job.port,
      'peer-port-random-on-start': false,
      'rpc-bind-address': HOST,
      'rpc-port': job.controlPort,
      'rpc-authentication-required': false,
      'download-dir': job.folder,
      'incomplete-dir-enabled': false,
      'rename-partial-files': false,
      'port-forwarding-enabled': false,
      'dht-enabled': false,
      'lpd-enabled': false,
      'pex-enabled': false,
      'utp-enabled': false,
    }
    writeFileSync(join(job.scratch, 'settings.json'), JSON.stringify(settings))
    const daemon = new ClientProcess('transmission-daemon', ['-f', '-g', job.scratch, '--log-error'])
    const control = new Control(job.controlPort)
    try {
      await daemon.until('reachable by RPC', () => control.isUp())
      const metainfo = readFileSync(job.torrent).toString('base64')
      await control.call('torrent-add', { metainfo, 'download-dir': job.folder, paused: false })
      await daemon.until(job.role === 'seed' ? 'seeding' : 'downloading', async () => {
        const { status, leftUntilDone } = await control.torrent()
        return job.role === 'seed' ? status === SEEDING && leftUntilDone === 0 : status === DOWNLOADING
      })
    } catch (error) {
      await daemon.stop()
      throw error
    }
    return {
      isComplete: async () => {
        const { leftUntilDone, sizeWhenDone, errorString } = await control.torrent()
        if (errorString !== '') throw new Error(`Transmission: ${errorString}`)
        return sizeWhenDone > 0 && leftUntilDone === 0
      },
      stop: () => daemon.stop(),
    }
  },
}

/** Its RPC over HTTP: the first answer is a 409 with the session id that later calls must carry. */
class Control {
  readonly #url: string
  #session = ''

  constructor(port: number) {
    this.#url = `http://${HOST}:${port}/transmission/rpc`
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
    const ask = (): Promise<Response> =>
      fetch(this.#url, {
        method: 'POST',
        headers: { 'X-Transmission-Session-Id': this.#session },
        body: JSON.stringify({ method, arguments: args }),
      })
    let response = await ask()
    if (response.status === 409) {
      this.#session = response.headers.get('X-Transmission-Session-Id') ?? ''
      response = await ask()
    }
    const { result, arguments: answer } = (await response.json()) as { result: string; arguments: unknown }
    if (result !== 'success') throw new Error(`Transmission: ${method}: ${result}`)
    return answer
  }
}
