/** The servers of a simulated swarm: a tracker over HTTP and UDP, and a web seed. */
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import type { Clock, Random } from '../../../protocol/ports.ts'
import type { SimDatagramNetwork } from '../datagram-network.ts'
import { SimHttp, type SimServer } from '../http.ts'
import type { SwarmPlan } from './scenario.ts'
import { SimTracker, TRACKER_SERVER } from './tracker.ts'
import { SimUdpTracker, UDP_TRACKER_PORT } from './udp-tracker.ts'
import { WEB_SERVER, webServer } from './web-server.ts'

/** Their addresses. */
export const SERVERS = [TRACKER_SERVER, WEB_SERVER] as const

const HTTP_PORT = 80

export interface SimServersOptions {
  readonly clock: Clock
  readonly random: Random
  readonly plan: SwarmPlan
  readonly metainfo: Metainfo
  readonly datagrams: SimDatagramNetwork
  /** Nothing passes between these hosts now. */
  readonly isCutOff: (a: string, b: string) => boolean
}

export class SimServers {
  readonly #options: SimServersOptions
  readonly #tracker: SimTracker

  constructor(options: SimServersOptions) {
    const { clock, random, datagrams } = options
    this.#options = options
    this.#tracker = new SimTracker(random.fork('tracker'))
    const udp = new SimUdpTracker({ clock, random: random.fork('UDP tracker'), tracker: this.#tracker })
    udp.listen(datagrams.bind({ host: TRACKER_SERVER, port: UDP_TRACKER_PORT }))
  }

  /** From now on the tracker does not fail. */
  mend(): void {
    this.#tracker.isMended = true
  }

  /** The servers for a process with this clock, on the machine with this address. */
  openHttp(clock: Clock, host: string): SimHttp {
    const { random, plan, metainfo, isCutOff } = this.#options
    const http = new SimHttp(clock)
    const serve = (server: string, answer: SimServer, up?: number): void =>
      http.serve(server, HTTP_PORT, answer, {
        ...(up !== undefined && { up }),
        isCutOff: () => isCutOff(host, server),
      })
    serve(TRACKER_SERVER, this.#tracker.serverFor(host))
    const { web, content } = plan
    if (web) {
      const chance = random.fork(`web server for ${host}`)
      serve(WEB_SERVER, webServer(metainfo, content, { plan: web, random: chance }), web.up)
    }
    return http
  }
}
