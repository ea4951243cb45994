/** The real ports keep the promises of `protocol/ports.ts`. */
import { createSocket, type Socket } from 'node:dgram'
import { createHash, createHmac } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { namedSource } from '../../../src/app/node/bind.ts'
import { SystemClock } from '../../../src/app/node/clock.ts'
import { opensslHashes } from '../../../src/app/node/hashes.ts'
import { CryptoRandom } from '../../../src/app/node/random.ts'
import { systemResolver } from '../../../src/app/node/resolver.ts'
import { listenTcp } from '../../../src/app/node/tcp.ts'
import { bindUdp, openUdp, UdpSocket } from '../../../src/app/node/udp.ts'
import type { Endpoint } from '../../../src/protocol/endpoint.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function udp(address: string): Promise<readonly UdpSocket[]> {
  const sockets = await bindUdp(address)
  closers.push(() => sockets.forEach((socket) => socket.close()))
  return sockets
}

function nextDatagram(socket: UdpSocket): Promise<{ data: Uint8Array; from: Endpoint }> {
  return new Promise((resolve) => {
    socket.onDatagram = (data, from) => resolve({ data: data.slice(), from })
  })
}

describe('randomness', () => {
  test('stays in its range and reaches all of it', () => {
    const random = new CryptoRandom()
    const seen = new Set(Array.from({ length: 1_000 }, () => random.int(7)))
    expect([...seen].toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6])
    for (let i = 0; i < 1_000; i++) {
      expect(random.float()).toBeGreaterThanOrEqual(0)
      expect(random.float()).toBeLessThan(1)
    }
    expect(random.int(1)).toBe(0)
  })

  test('fills every byte, across refills of its pool, and never repeats', () => {
    const random = new CryptoRandom()
    const bytes = random.fill(new Uint8Array(50_003))
    const counts = new Uint32Array(256)
    for (const byte of bytes) counts[byte]!++
    // 195 each on average; the chance that any of 256 is outside is below one in a billion.
    expect(Math.min(...counts)).toBeGreaterThan(90)
    expect(Math.max(...counts)).toBeLessThan(320)
    const ids = new Set(Array.from({ length: 5_000 }, () => random.fork('x').fill(new Uint8Array(8)).join()))
    expect(ids.size).toBe(5_000)
  })
})

test('hashes are those of everybody else, of shared memory too', () => {
  const data = new Uint8Array(new SharedArrayBuffer(5)).fill(7)
  const copy = Uint8Array.from(data)
  expect([...opensslHashes.sha1(data)]).toEqual([...createHash('sha1').update(copy).digest()])
  expect([...opensslHashes.sha256(data)]).toEqual([...createHash('sha256').update(copy).digest()])
  expect([...opensslHashes.hmac(copy, data)]).toEqual([...createHmac('sha256', copy).update(copy).digest()])
})

describe('the clock', () => {
  test('fires once, in a later turn, in order; cancelling is harmless at any time', async () => {
    const clock = new SystemClock()
    const fired: string[] = []
    const cancel = clock.after(1, () => fired.push('cancelled'))
    cancel()
    cancel()
    await new Promise<void>((resolve) => {
      clock.after(4, () => {
        fired.push('late')
        resolve()
      })
      const cancelFired = clock.after(0, () => {
        fired.push('early')
        cancelFired()
      })
      expect(fired).toEqual([])
    })
    expect(fired).toEqual(['early', 'late'])
  })

  test('a time that setTimeout cannot count to is not at once', async () => {
    const clock = new SystemClock()
    let hasFired = false
    const cancel = clock.after(2 ** 31 + 5, () => (hasFired = true))
    await new Promise((resolve) => setTimeout(resolve, 20))
    cancel()
    expect(hasFired).toBe(false)
  })
})

describe('UDP', () => {
  test(':0 is one port for both families', async () => {
    const [four, six] = await udp(':0')
    expect(four!.local).toEqual({ host: '0.0.0.0', port: expect.any(Number) })
    if (six) expect(six.local).toEqual({ host: '::', port: four!.local.port })
  })

  test('delivers what was sent, and from whom, although the sender reuses its buffer at once', async () => {
    const [a] = await udp('127.0.0.1:0')
    const [b] = await udp('127.0.0.1:0')
    const received = nextDatagram(b!)
    const data = Uint8Array.of(1, 2, 3)
    a!.send(data, b!.local)
    data.fill(9)
    expect(await received).toEqual({ data: Uint8Array.of(1, 2, 3), from: a!.local })
  })

  test('a datagram above any limit of the protocol arrives whole, so that it is seen to be one', async () => {
    const [a] = await udp('127.0.0.1:0')
    const [b] = await udp('127.0.0.1:0')
    const received = nextDatagram(b!)
    a!.send(new Uint8Array(9_000), b!.local)
    expect((await received).data.length).toBe(9_000)
  })

  test('its memory is given back before another one comes: a storm of them is no heap of garbage', async () => {
    const [a] = await udp('127.0.0.1:0')
    const [b] = await udp('127.0.0.1:0')
    const seen: Uint8Array[] = []
    const isSeen = new Promise<void>((resolve) => {
      b!.onDatagram = (data) => {
        seen.push(data)
        setImmediate(resolve)
      }
    })
    a!.send(new Uint8Array(9_000), b!.local)
    await isSeen
    expect(seen.map(({ length }) => length)).toEqual([0])
  })

  test('what is sent before a socket is bound, and what waits for the kernel, stays as it was', async () => {
    const [a] = await udp('127.0.0.1:0')
    const early = openUdp(4)
    closers.push(() => early.close())
    const seen: number[] = []
    const all = new Promise<void>((resolve) => {
      a!.onDatagram = (data) => void (seen.push(data[0]!) === 3 && resolve())
    })
    for (const byte of [1, 2, 3]) early.send(Uint8Array.of(byte), a!.local)
    await all
    expect(seen.sort()).toEqual([1, 2, 3])

    const given: Uint8Array[] = []
    const full = Object.assign(new EventEmitter(), {
      address: () => ({ address: '127.0.0.1', port: 1 }),
      send: (data: Uint8Array) => given.push(data),
      getSendQueueCount: () => 1_000 + given.length,
    })
    const socket = new UdpSocket(full as unknown as Socket, 4)
    const reused = new Uint8Array(1)
    for (reused[0] = 1; reused[0] < 4; reused[0]++) socket.send(reused, a!.local)
    expect(given).toEqual([Uint8Array.of(1)])
    expect(socket.dropped).toBe(2)
    full.getSendQueueCount = () => Math.min(given.length, 3)
    for (reused[0] = 2; reused[0] < 9; reused[0]++) socket.send(reused, a!.local)
    expect(given.map(([byte]) => byte)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('what comes in one turn is heard at its end, in order; 64 are as many as wait, and nobody hears after the end', async () => {
    const kernel = Object.assign(new EventEmitter(), {
      address: () => ({ address: '127.0.0.1', port: 1 }),
      close: () => undefined,
    })
    const socket = new UdpSocket(kernel as unknown as Socket, 4)
    const heard: number[] = []
    socket.onDatagram = (data) => {
      heard.push(data[0]!)
      if (data[0] === 101) socket.close()
    }
    const come = (byte: number): boolean =>
      kernel.emit('message', Buffer.of(byte), { address: '127.0.0.1', port: 9 })
    const first = Array.from({ length: 64 }, (_, at) => at)
    for (const byte of first.slice(0, 63)) come(byte)
    expect(heard).toEqual([])
    come(63)
    expect(heard).toEqual(first)
    for (const byte of [100, 101, 102]) come(byte)
    expect(heard).toEqual(first)
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard).toEqual([...first, 100, 101])
  })

  test('what is said to datagrams of one turn leaves when all are heard; what the last one closes has said it before', async () => {
    const events: string[] = []
    const sent: Uint8Array[] = []
    const kernel = Object.assign(new EventEmitter(), {
      address: () => ({ address: '127.0.0.1', port: 1 }),
      send: (data: Uint8Array) => events.push(`sent ${sent.push(data)}`),
      getSendQueueCount: () => 0,
      close: () => events.push('closed'),
    })
    const socket = new UdpSocket(kernel as unknown as Socket, 4)
    const reused = new Uint8Array(1)
    socket.onDatagram = (data, from) => {
      events.push(`heard ${data[0]}`)
      reused[0] = 10 * data[0]!
      socket.send(reused, from)
      if (data[0] === 4) socket.close()
    }
    const come = (byte: number): boolean =>
      kernel.emit('message', Buffer.of(byte), { address: '127.0.0.1', port: 9 })
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    for (const byte of [1, 2]) come(byte)
    await turn()
    expect(events.splice(0)).toEqual(['heard 1', 'heard 2', 'sent 1', 'sent 2'])
    expect(sent).toEqual([Uint8Array.of(10), Uint8Array.of(20)])
    for (const byte of [3, 4, 5]) come(byte)
    await turn()
    expect(events).toEqual(['heard 3', 'heard 4', 'sent 3', 'sent 4', 'closed'])
    expect(sent.slice(2)).toEqual([Uint8Array.of(30), Uint8Array.of(40)])
  })

  test('what cannot be sent is lost without a sound', async () => {
    const [a] = await udp('127.0.0.1:0')
    const [b] = await udp('127.0.0.1:0')
    a!.send(new Uint8Array(70_000), b!.local) // too long
    a!.send(new Uint8Array(10), { host: '127.0.0.1', port: 0 })
    a!.send(new Uint8Array(10), { host: '::1', port: 9 }) // another family
    a!.send(new Uint8Array(10), { host: '127.0.0.1', port: 9 }) // nobody there
    const received = nextDatagram(b!)
    a!.send(Uint8Array.of(4), b!.local)
    expect((await received).data).toEqual(Uint8Array.of(4))
    a!.close()
    a!.close()
    a!.send(Uint8Array.of(5), b!.local)
  })

  test.each(['EPERM', 'ENOBUFS', 'ECONNREFUSED', 'EMSGSIZE', 'ENETUNREACH', 'EHOSTUNREACH'])(
    'goes on after %s',
    async (code) => {
      const [a] = await udp('127.0.0.1:0')
      const bare = createSocket('udp4')
      const socket = new UdpSocket(bare, 4)
      closers.push(() => socket.close())
      socket.send(Uint8Array.of(1), a!.local)
      bare.emit('error', Object.assign(new Error(code), { code }))
      const received = nextDatagram(a!)
      socket.send(Uint8Array.of(2), a!.local)
      expect([1, 2]).toContain((await received).data[0])
      const answered = nextDatagram(socket)
      a!.send(Uint8Array.of(3), { host: '127.0.0.1', port: socket.local.port })
      expect((await answered).data).toEqual(Uint8Array.of(3))
    },
  )

  test('an address that the system refuses to send to harms nobody else', async () => {
    const [a] = await udp('0.0.0.0:0')
    const [b] = await udp('127.0.0.1:0')
    a!.send(Uint8Array.of(1), { host: '255.255.255.255', port: 9 }) // EACCES: broadcast
    a!.send(Uint8Array.of(1), { host: '240.0.0.1', port: 9 }) // EINVAL or no route
    const received = nextDatagram(b!)
    a!.send(Uint8Array.of(4), b!.local)
    expect((await received).data).toEqual(Uint8Array.of(4))
  })

  test('an address in use is said to be', async () => {
    const [a] = await udp('127.0.0.1:0')
    await expect(bindUdp(`127.0.0.1:${a!.local.port}`)).rejects.toMatchObject({ code: 'net.address-in-use' })
  })
})

describe('listen addresses', () => {
  test('a port that another process has is an error that names it', async () => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    closers.push(() => blocker.close())
    const { port } = blocker.address() as { port: number }
    await expect(listenTcp(`127.0.0.1:${port}`, 100)).rejects.toMatchObject({
      code: 'net.address-in-use',
      message: `another process listens on 127.0.0.1:${port}`,
    })
    await expect(listenTcp(`:${port}`, 100)).rejects.toMatchObject({ code: 'net.address-in-use' })
  })

  test('a machine without the address cannot listen on it', async () => {
    await expect(listenTcp('192.0.2.1:0', 100)).rejects.toMatchObject({
      code: 'net.listen',
      message: 'cannot listen on 192.0.2.1:0: this machine does not have the address',
    })
  })

  test('names are resolved, and those that are none are the user’s mistake', async () => {
    const listener = await listenTcp('localhost:0', 100)
    closers.push(() => listener.close())
    expect(['127.0.0.1', '::1']).toContain(listener.local[0]!.host)
    await expect(listenTcp('no-such-name.invalid:0', 100)).rejects.toMatchObject({ family: 'ConfigError' })
  })

  test('only a host that was named is the source of outgoing connections', () => {
    expect(namedSource(':6881')).toBeUndefined()
    expect(namedSource('0.0.0.0:6881')).toBeUndefined()
    expect(namedSource('[::]:6881')).toBeUndefined()
    expect(namedSource('127.0.0.2:6881')).toBe('127.0.0.2')
    expect(namedSource('[::1]:6881')).toBe('::1')
  })
})

test('names resolve to canonical addresses, unknown ones to none', async () => {
  const resolve = (host: string): Promise<readonly string[]> =>
    new Promise((done) => systemResolver.resolve(host, undefined, done))
  expect(await resolve('localhost')).toEqual(
    expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/)]),
  )
  expect(await resolve('::ffff:127.0.0.1')).toEqual(['127.0.0.1'])
  expect(await resolve('no-such-name.invalid')).toEqual([])
})
