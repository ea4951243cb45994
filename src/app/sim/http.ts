/** HTTP servers in virtual time. */
import { TransportError } from '../../protocol/errors.ts'
import type { Clock, HttpClient, HttpExchange, HttpHandler, HttpRequest } from '../../protocol/ports.ts'

export class SimHttp implements HttpClient {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get({ url }: HttpRequest, handler: HttpHandler): HttpExchange {
    const cancel = this.#clock.after(1, () =>
      handler.onEnd(new TransportError('net.refused', `${url.host} does not listen`)),
    )
    return { pause() {}, resume() {}, cancel }
  }
}
