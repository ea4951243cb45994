import { createSocket, Socket } from 'node:dgram'
import { afterEach, expect, test, vi } from 'vitest'
import { freePort } from '../../../scripts/free-ports.ts'
import { joinGroup, MAX_EARLY } from '../../../src/app/node/multicast.ts'
import type { Endpoint } from '../../../src/protocol/endpoint.ts'
import type { MulticastGroup } from '../../../src/protocol/ports.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** @returns what it hears, as text */
function listener(group: Endpoint): { readonly member: MulticastGroup; readonly heard: string[] } {
  const member = joinGroup(group)
  closers.push(() => member.close())
  const heard: string[] = []
  member.onDatagram = (data) => heard.push(String.fromCharCode(...data))
  return { member, heard }
}

test.each([
  ['239.255.77.77', '127.0.0.1'],
  ['ff15::77:77', '::1'],
])('what is said to %s is heard, and what is said to %s at the same port is not', async (host, ownHost) => {
  const group = { host, port: await freePort('127.0.0.1') }
  const { heard } = listener(group)
  const { member: other, heard: echo } = listener(group)
  const stranger = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  stranger.on('error', () => {}) // nobody listens there
  closers.push(() => stranger.close())
  await expect
    .poll(() => {
      stranger.send('from afar', group.port, ownHost)
      other.send(Uint8Array.of(104, 105))
      return heard.length > 1 && echo.length > 1
    })
    .toBe(true)
  expect(new Set([...heard, ...echo])).toEqual(new Set(['hi']))
})

test('what is said before the sockets are bound waits for them, and is bounded', async () => {
  const group = { host: '239.255.77.78', port: await freePort('127.0.0.1') }
  const { member, heard } = listener(group)
  const untilHeard = async (speaker: MulticastGroup, word: string): Promise<void> => {
    await expect
      .poll(() => {
        speaker.send(Buffer.from(word))
        return heard.includes(word)
      })
      .toBe(true)
  }
  await untilHeard(member, 'begin')
  const { member: hasty } = listener(group)
  for (let number = 0; number < 4 * MAX_EARLY; number++) hasty.send(Buffer.from(String(number)))
  await untilHeard(hasty, 'end')
  expect(heard).toContain('0')
  expect(new Set(heard).size).toBeLessThanOrEqual(MAX_EARLY + 2)
})

test('where the system knows no multicast, nothing is joined, and why is told', async () => {
  const refusal = Object.assign(new Error('setMulticastTTL ENOPROTOOPT'), { code: 'ENOPROTOOPT' })
  const set = vi.spyOn(Socket.prototype, 'setMulticastTTL').mockImplementation(() => {
    throw refusal
  })
  closers.push(() => set.mockRestore())
  const group = { host: '239.255.77.79', port: await freePort('127.0.0.1') }
  const { member } = listener(group)
  const failure = await new Promise<Error>((resolve) => (member.onFailed = resolve))
  expect(failure).toMatchObject({ code: 'net.listen', cause: refusal })
  member.send(Uint8Array.of(1))
})
