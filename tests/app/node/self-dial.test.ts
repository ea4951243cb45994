/** A node that listens on all interfaces learns its own address from others, and dials it. */
import { expect, test, vi } from 'vitest'
import type { NodeEvent } from '../../../src/app/event-level.ts'
import { parseMagnet, startNode } from '../../../src/app/library.ts'

test('a node that dials itself finds out, and forgets the address', async () => {
  const events: NodeEvent[] = []
  const node = await startNode({ tcpListen: '0.0.0.0:0', onEvent: (event) => events.push(event) })
  try {
    const own = `127.0.0.1:${node.listening.tcp[0]!.port}`
    const session = node.addMagnet(parseMagnet(`magnet:?xt=urn:btih:${'a'.repeat(40)}`), { peers: [own] })
    const refused = expect.objectContaining({ event: 'peer_refused', reason: 'wire.self' }) as unknown
    await vi.waitFor(() => expect(events).toContainEqual(refused), { timeout: 5_000, interval: 10 })
    await vi.waitFor(() => expect(session.snapshot().peers).toEqual([]), { timeout: 1_000, interval: 10 })
    expect(events.map(({ event }) => event)).not.toContain('peer_failed')
  } finally {
    await node.close()
  }
})
