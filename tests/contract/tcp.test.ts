/** What {@link ByteStream} promises, kept by real sockets on loopback. */
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { listenTcp, TcpDialer } from '../../src/app/node/tcp.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { TransportError } from '../../src/protocol/errors.ts'
import type { ByteStream, Listener } from '../../src/protocol/ports.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A stream with a notebook. */
class Watched {
  readonly stream: ByteStream
  readonly chunks: Uint8Array[] = []
  drains = 0
  /** Every call of a handler after `onClose`. */
  late = 0
  readonly closed: Promise<TransportError | undefined>
  onChunk: () => void = () => {}

  constructor(stream: ByteStream) {
    this.stream = stream
    let isClosed = false
    const count = (): void => {
      if (isClosed) this.late++
    }
    this.closed = new Promise((resolve) => {
      stream.handler = {
        onData: (chunk) => {
          count()
          this.chunks.push(Uint8Array.prototype.slice.call(chunk))
          this.onChunk()
        },
        onDrain: () => {
          count()
          this.drains++
        },
        onClose: (error) => {
          count()
          isClosed = true
          resolve(error)
        },
      }
    })
    closers.push(() => stream.destroy())
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  get byteCount(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0)
  }

  received(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.onChunk = () => {
        if (this.byteCount >= bytes) resolve()
      }
      this.onChunk()
    })
  }
}

async function listen(address = '127.0.0.1:0', maxAccepted = 100): Promise<Listener> {
  const listener = await listenTcp(address, maxAccepted)
  closers.push(() => listener.close())
  return listener
}

function dial(
  to: Endpoint,
  { timeout = 5_000, source }: { timeout?: number; source?: string } = {},
): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    new TcpDialer(source).dial(to, timeout, (result) => {
      if (result instanceof TransportError) reject(result)
      else resolve(result)
    })
  })
}

/** `out` dialled, `accepted` was called. */
async function pair(): Promise<{ out: Watched; accepted: Watched }> {
  const listener = await listen()
  const accepted = new Promise<Watched>((resolve) => {
    listener.onStream = (stream) => resolve(new Watched(stream))
  })
  const out = new Watched(await dial(listener.local[0]!))
  return { out, accepted: await accepted }
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30))

describe.each(['out', 'accepted'] as const)('the stream that is %s', (side) => {
  const other = side === 'out' ? 'accepted' : 'out'

  test('delivers bytes in order', async () => {
    const sides = await pair()
    const data = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 7 + (i >> 12)) & 0xff)
    for (let at = 0; at < data.length; at += 16_381) sides[side].stream.write(data.subarray(at, at + 16_381))
    await sides[other].received(data.length)
    expect(Buffer.concat(sides[other].chunks).equals(data)).toBe(true)
  })

  test('says once when the bytes of a write may change, drains, and counts what is queued', async () => {
    const sides = await pair()
    const { stream } = sides[side]
    const done: string[] = []
    const shared = new Uint8Array(new SharedArrayBuffer(300_000)).fill(1)
    stream.write(shared, () => done.push('shared'))
    stream.write(latin1('tail'), () => done.push('tail'))
    expect([stream.queuedBytes, done]).toEqual([300_004, []])
    await sides[other].received(300_004)
    await soon()
    expect(done).toEqual(['shared', 'tail'])
    expect([stream.queuedBytes, sides[side].drains]).toEqual([0, 1])
  })

  test('drains when nothing is left, not after each write', async () => {
    const sides = await pair()
    sides[other].stream.pause()
    const bytes = 8 * 1024 * 1024
    sides[side].stream.write(new Uint8Array(bytes))
    await soon()
    sides[side].stream.write(new Uint8Array(bytes))
    expect(sides[side].stream.queuedBytes).toBeGreaterThan(bytes)
    sides[other].stream.resume()
    await sides[other].received(2 * bytes)
    await soon()
    expect(sides[side].drains).toBe(1)
  })

  test('gives every buffer back when it is destroyed under its writes', async () => {
    const sides = await pair()
    sides[other].stream.pause()
    const { stream, closed } = sides[side]
    let given = 0
    const big = new Uint8Array(8 * 1024 * 1024)
    for (let i = 0; i < 4; i++) stream.write(big, () => given++)
    await soon()
    stream.write(big, () => given++)
    stream.destroy()
    stream.write(big, () => given++)
    expect(await closed).toBeUndefined()
    stream.write(big, () => given++)
    await soon()
    expect(given).toBe(7)
    expect([stream.queuedBytes, sides[side].late]).toEqual([0, 0])
  })

  test('stops while it is paused, and goes on', async () => {
    const sides = await pair()
    const reader = sides[side]
    reader.stream.pause()
    const bytes = 16 * 1024 * 1024
    sides[other].stream.write(new Uint8Array(bytes))
    await soon()
    expect(reader.byteCount).toBeLessThan(bytes / 4)
    const before = reader.byteCount
    await soon()
    expect(reader.byteCount).toBe(before)
    reader.stream.resume()
    await reader.received(bytes)
  })

  test('can be paused out of its own handler', async () => {
    const sides = await pair()
    const reader = sides[side]
    reader.onChunk = () => reader.stream.pause()
    sides[other].stream.write(new Uint8Array(16 * 1024 * 1024))
    await soon()
    expect(reader.chunks.length).toBeLessThanOrEqual(2)
  })

  test('ends in order when the other side closes', async () => {
    const sides = await pair()
    sides[other].stream.write(latin1('bye'))
    await sides[side].received(3)
    sides[other].stream.destroy()
    expect(await sides[side].closed).toBeUndefined()
    await soon()
    expect(sides[side].late).toBe(0)
  })

  test('knows the other end', async () => {
    const sides = await pair()
    expect(sides[side].stream.remote).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
  })
})

test('streams that share the read buffer do not see each other’s bytes', async () => {
  const server = createServer((socket) => {
    closers.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', (chunk) => socket.write(chunk)) // echoes
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  const { port } = server.address() as { port: number }
  const dialer = new TcpDialer()
  const streams = await Promise.all(
    Array.from(
      { length: 20 },
      () =>
        new Promise<Watched>((resolve, reject) => {
          dialer.dial({ host: '127.0.0.1', port }, 5_000, (result) => {
            if (result instanceof TransportError) reject(result)
            else resolve(new Watched(result))
          })
        }),
    ),
  )
  for (const [i, { stream }] of streams.entries())
    for (let round = 0; round < 20; round++) stream.write(new Uint8Array(5_000).fill(i))
  await Promise.all(streams.map((stream) => stream.received(100_000)))
  for (const [i, { chunks }] of streams.entries())
    expect(Buffer.concat(chunks).every((byte) => byte === i)).toBe(true)
})

describe('dialling', () => {
  test('a port where nobody listens is refused', async () => {
    const listener = await listen()
    listener.close()
    await soon()
    await expect(dial(listener.local[0]!)).rejects.toMatchObject({ code: 'net.refused' })
  })

  test('a name is not an address: that is the resolver’s work', async () => {
    await expect(dial({ host: 'localhost', port: 1 })).rejects.toMatchObject({ code: 'net.unresolved' })
  })

  test('taken back in time it has no result at all', async () => {
    const listener = await listen()
    let results = 0
    for (const to of [listener.local[0]!, { host: 'localhost', port: 1 }]) {
      const cancel = new TcpDialer().dial(to, 5_000, () => results++)
      cancel()
      cancel()
    }
    await soon()
    expect(results).toBe(0)
  })

  test('taken back too late the stream lives on', async () => {
    const listener = await listen()
    listener.onStream = (accepted) => accepted.write(latin1('hello'))
    const { received, text } = await new Promise<{ received: Promise<void>; text: () => string }>(
      (resolve) => {
        const cancel = new TcpDialer().dial(listener.local[0]!, 5_000, (result) => {
          const watched = new Watched(result as ByteStream)
          cancel()
          resolve({ received: watched.received(5), text: () => watched.text })
        })
      },
    )
    await received
    expect(text()).toBe('hello')
  })

  test('leaves from the address that the user named', async () => {
    const listener = await listen()
    const from = new Promise<Endpoint>((resolve) => {
      listener.onStream = (stream) => resolve(stream.remote)
    })
    await dial(listener.local[0]!, { source: '127.0.0.7' })
    expect((await from).host).toBe('127.0.0.7')
  })
})

describe('listening', () => {
  test('a caller over IPv4 is never shown as v4-mapped', async () => {
    const listener = await listen(':0')
    const from = new Promise<Endpoint>((resolve) => {
      listener.onStream = (stream) => resolve(stream.remote)
    })
    await dial({ host: '127.0.0.1', port: listener.local[0]!.port })
    expect((await from).host).toBe('127.0.0.1')
  })

  test('callers beyond the limit are dropped', async () => {
    const listener = await listen('127.0.0.1:0', 2)
    const accepted: Watched[] = []
    listener.onStream = (stream) => accepted.push(new Watched(stream))
    const callers: Socket[] = []
    for (let i = 0; i < 5; i++) {
      const socket = connect(listener.local[0]!.port, '127.0.0.1')
      socket.on('error', () => {})
      closers.push(() => socket.destroy())
      callers.push(socket)
    }
    await soon()
    await soon()
    expect(accepted).toHaveLength(2)
    accepted[0]!.stream.destroy()
    await accepted[0]!.closed
    await soon()
    await dial(listener.local[0]!)
    await soon()
    expect(accepted, 'a place is free').toHaveLength(3)
  })

  test('a stream that broke says how', async () => {
    const listener = await listen()
    const accepted = new Promise<Watched>((resolve) => {
      listener.onStream = (stream) => resolve(new Watched(stream))
    })
    const socket = connect(listener.local[0]!.port, '127.0.0.1')
    socket.on('error', () => {})
    const stream = await accepted
    socket.resetAndDestroy()
    expect(await stream.closed).toMatchObject({ code: 'net.reset', family: 'TransportError' })
  })
})
