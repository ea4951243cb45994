import { expect, test } from 'vitest'
import { stateDir } from '../../cmd/state-dir.ts'
import { readConfig } from '../../src/app/config.ts'

const dirOf = (variables: Readonly<Record<string, string>>, given?: string): string | undefined =>
  stateDir(readConfig(given === undefined ? {} : { stateDir: given }, variables), { variables, cwd: '/cwd' })

test('state lies where the XDG rules say, unless told otherwise', () => {
  const HOME = '/users/ada'
  expect(dirOf({ HOME })).toBe('/users/ada/.local/state/bitswarm')
  expect(dirOf({ HOME, XDG_STATE_HOME: '/state' })).toBe('/state/bitswarm')
  expect(dirOf({ HOME, XDG_STATE_HOME: 'relative' })).toBe('/users/ada/.local/state/bitswarm')
  expect(dirOf({ HOME }, 'here')).toBe('/cwd/here')
  expect(dirOf({ HOME, BITSWARM_STATE_DIR: '/there' })).toBe('/there')
})

test('nothing is kept when the user says so, or when the system does not say where', () => {
  expect(dirOf({ HOME: '/users/ada' }, '')).toBeUndefined()
  expect(dirOf({ HOME: '/users/ada', BITSWARM_STATE_DIR: '' })).toBeUndefined()
  expect(dirOf({})).toBeUndefined()
})
