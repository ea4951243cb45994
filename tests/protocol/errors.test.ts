import { expect, test } from 'vitest'
import {
  ConfigError,
  ERROR_CODES,
  InvariantError,
  invariant,
  MetainfoError,
  PayloadError,
  ProtocolError,
  StorageError,
  SwarmError,
  TransportError,
} from '../../src/protocol/errors.ts'

test('an error tells its family, its code, its cause and its facts', () => {
  const cause = new Error('ENOSPC')
  const error = new StorageError('disk.full', 'no space left on /data', { cause, data: { bytes: 5 } })
  expect(error).toBeInstanceOf(SwarmError)
  expect(error).toMatchObject({
    family: 'StorageError',
    name: 'StorageError',
    code: 'disk.full',
    message: 'no space left on /data',
    cause,
    data: { bytes: 5 },
  })
  expect('cause' in new StorageError('disk.full', 'x')).toBe(false)
})

test('each family is named as its class', () => {
  const errors = [
    new ProtocolError('wire.self', ''),
    new TransportError('net.timeout', ''),
    new StorageError('disk.io', ''),
    new MetainfoError('meta.malformed', ''),
    new ConfigError('config.usage', ''),
    new PayloadError('payload.mismatch', ''),
  ]
  for (const error of errors) {
    expect(error.family).toBe(error.constructor.name)
    expect(ERROR_CODES[error.code][0]).toBe(error.family)
  }
  expect(new Set(Object.values(ERROR_CODES).map(([family]) => family))).toEqual(
    new Set(errors.map((error) => error.family)),
  )
})

test('every code has an area, a family that fits it, and a meaning', () => {
  for (const [code, [, meaning]] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^[a-z]+\.[a-z-]+$/)
    expect(meaning.length).toBeGreaterThan(10)
  }
})

test('an invariant that does not hold is no SwarmError: nobody may catch it by family', () => {
  expect(() => invariant(true, 'fine')).not.toThrow()
  expect(() => invariant(false, 'two and two')).toThrow(InvariantError)
  expect(new InvariantError('x')).not.toBeInstanceOf(SwarmError)
})
