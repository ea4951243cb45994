/** What Node says of a connection, in words of our own. */
import { expect, test } from 'vitest'
import { connectionError } from '../../../src/app/node/network-error.ts'

test('a certificate cannot write on the screen, nor fill it', () => {
  const error = Object.assign(new Error('all of it'), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    reason: `Host: a.example is not in: \u001b[2J${'x'.repeat(10_000)}`,
  })
  const { code, message } = connectionError(error, 'a.example')
  expect(code).toBe('net.tls')
  expect(message).toMatch(/^a\.example: .*: Host: a\.example is not in: /)
  expect(message).not.toContain('\u001b')
  expect(message.length).toBeLessThan(400)
})

test('an error that nobody foresaw is passed on by its name', () => {
  const error = Object.assign(new Error('?'), { code: 'EWHATEVER' })
  expect(connectionError(error, 'connection to 10.0.0.1:1')).toMatchObject({
    code: 'net.failed',
    message: expect.stringMatching(/^connection to 10\.0\.0\.1:1: .*\(EWHATEVER\)$/) as string,
    data: { errno: 'EWHATEVER' },
  })
  expect(connectionError('no error at all', 'x').message).toBe('x: the network failed in another way')
})
