/** What every HTTP client promises of the order of its calls, told over one that an `HttpWorld` makes. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { HttpClient, HttpExchange, HttpHandler } from '../../src/protocol/ports.ts'

export interface HttpAnswer {
  readonly status: number
  readonly body: Uint8Array
  /** Behind so many bytes of the body the connection breaks. */
  readonly breaksAfter?: number
}

export interface HttpWorld {
  readonly http: HttpClient
  /** An IP literal. */
  readonly address: string
  /** @returns the port of a server that answers everything so */
  serve(answer: HttpAnswer): Promise<number>
  /** @returns a port where nobody listens */
  deadPort(): Promise<number>
  /** Lets time pass until this holds. */
  until(holds: () => boolean): Promise<void>
  /** Lets so much time pass that whatever could come has come. */
  settle(): Promise<void>
  end(): void
}

const BODY = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251)

/** An exchange, and what its handler was told. */
class Told implements HttpHandler {
  readonly calls: string[] = []
  readonly bytes: number[] = []
  #exchange: HttpExchange | undefined
  readonly #cancelIn: string | undefined

  /** @param cancelIn the call in which the exchange is cancelled */
  constructor(cancelIn?: string) {
    this.#cancelIn = cancelIn
  }

  get(http: HttpClient, address: string, port: number): this {
    this.#exchange = http.get({ url: new URL(`http://${address}:${port}/`), address }, this)
    expect(this.calls).toEqual([])
    return this
  }

  get exchange(): HttpExchange {
    return this.#exchange!
  }

  get isOver(): boolean {
    return this.calls.at(-1)?.startsWith('end') ?? false
  }

  onTurn(): void {
    this.#note('turn')
  }

  onConnected(): void {
    this.#note('connected')
  }

  onHead({ status }: { readonly status: number }): void {
    this.#note(`head ${status}`)
  }

  onData(chunk: Uint8Array): void {
    expect(Buffer.isBuffer(chunk)).toBe(false)
    for (const byte of chunk) this.bytes.push(byte)
    if (this.calls.at(-1) !== 'data') this.#note('data')
  }

  onEnd(error?: { readonly code: string }): void {
    this.#note(error === undefined ? 'end' : `end ${error.code}`)
  }

  #note(call: string): void {
    this.calls.push(call)
    if (call === this.#cancelIn) this.exchange.cancel()
  }
}

export function describeHttp(name: string, makeWorld: () => HttpWorld): void {
  describe(name, () => {
    let world: HttpWorld
    beforeEach(() => {
      world = makeWorld()
    })
    afterEach(() => world.end())

    const get = (port: number, cancelIn?: string): Told =>
      new Told(cancelIn).get(world.http, world.address, port)

    test('has its turn, connects, brings the head, then the body, then the end; again over what it kept', async () => {
      const port = await world.serve({ status: 200, body: BODY })
      for (let i = 0; i < 2; i++) {
        const told = get(port)
        await world.until(() => told.isOver)
        expect(told.calls).toEqual(['turn', 'connected', 'head 200', 'data', 'end'])
        expect(Buffer.from(told.bytes).equals(BODY)).toBe(true)
        await world.settle()
      }
    })

    test('tells an empty body, too', async () => {
      const told = get(await world.serve({ status: 404, body: new Uint8Array(0) }))
      await world.until(() => told.isOver)
      expect(told.calls).toEqual(['turn', 'connected', 'head 404', 'end'])
    })

    test('ends with an error when the body does not come whole', async () => {
      const told = get(await world.serve({ status: 200, body: BODY, breaksAfter: 100_000 }))
      await world.until(() => told.isOver)
      expect(told.calls).toEqual(['turn', 'connected', 'head 200', 'data', 'end net.reset'])
      expect(told.bytes.length).toBeLessThanOrEqual(100_000)
    })

    test('never connects where nobody listens', async () => {
      const told = get(await world.deadPort())
      await world.until(() => told.isOver)
      expect(told.calls).toEqual(['turn', 'end net.refused'])
    })

    test.each(['turn', 'connected', 'head 200', 'data'])(
      'tells nothing after it was cancelled in: %s',
      async (call) => {
        const told = get(await world.serve({ status: 200, body: BODY }), call)
        await world.until(() => told.calls.includes(call))
        await world.settle()
        expect(told.calls.at(-1)).toBe(call)
      },
    )

    test('tells nothing when it is cancelled at once', async () => {
      const told = get(await world.serve({ status: 200, body: BODY }))
      told.exchange.cancel()
      await world.settle()
      expect(told.calls).toEqual([])
    })

    test('holds the body back while it is paused', async () => {
      const told = get(await world.serve({ status: 200, body: BODY }))
      told.exchange.pause()
      await world.until(() => told.calls.includes('head 200'))
      await world.settle()
      expect(told.calls).toEqual(['turn', 'connected', 'head 200'])
      told.exchange.resume()
      await world.until(() => told.isOver)
      expect(Buffer.from(told.bytes).equals(BODY)).toBe(true)
    })
  })
}
