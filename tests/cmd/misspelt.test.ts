/** Variables that are nearly those of settings. Misspelt commands are in usage.test.ts. */
import { expect, test } from 'vitest'
import { tellMisspelt } from '../../cmd/misspelt.ts'
import { runProgram } from './fake-env.ts'

test('a variable that is nearly one of ours is told, and which one was probably meant', () => {
  const variables = {
    BITSWARM_MAXPEERS: '20',
    BITSWARM_TRACKERS: 'x',
    bitswarm_keep: '1',
    BITSWARM_DEST: 'x',
  }
  expect(tellMisspelt(variables)).toEqual([
    'BITSWARM_MAXPEERS is not read: did you mean BITSWARM_MAX_PEERS?',
    'BITSWARM_TRACKERS is not read: did you mean BITSWARM_TRACKER?',
    'bitswarm_keep is not read: did you mean BITSWARM_KEEP?',
  ])
})

test('what others put there is theirs', () => {
  expect(
    tellMisspelt({ BITSWARM_SERVICE_HOST: '10.0.0.1', BITSWARM_PORT_10000_UDP: 'x', MAX_PEERS: '1' }),
  ).toEqual([])
})

test('it is told before anything else', async () => {
  const { stderr } = await runProgram(['-get', 'missing.bit'], { variables: { BITSWARM_MAXPEERS: '20' } })
  expect(stderr.split('\n')[0]).toBe('BITSWARM_MAXPEERS is not read: did you mean BITSWARM_MAX_PEERS?')
})
