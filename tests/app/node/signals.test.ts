import { afterEach, expect, test } from 'vitest'
import { onSignals } from '../../../src/app/node/signals.ts'

const terminals = new Set<number>()
const heard: string[] = []
let off = (): void => {}
afterEach(() => {
  off()
  terminals.clear()
  heard.length = 0
})

function listen(): void {
  const handlers = {
    onStop: (signal: string) => heard.push(`stop ${signal}`),
    onStats: () => heard.push('stats'),
    onReannounce: () => heard.push('announce'),
  }
  off = onSignals(handlers, (fd) => terminals.has(fd))
}

test('SIGHUP announces again, with a terminal and without', () => {
  listen()
  process.emit('SIGHUP', 'SIGHUP')
  off()
  terminals.add(2)
  listen()
  process.emit('SIGHUP', 'SIGHUP')
  expect(heard).toEqual(['announce', 'announce'])
})

test('who has sent both outputs elsewhere does not mind the end of the terminal', () => {
  terminals.add(0)
  listen()
  terminals.clear()
  process.emit('SIGHUP', 'SIGHUP')
  expect(heard).toEqual(['announce'])
})

test('when the terminal is gone it stops, once, whoever tells of it', () => {
  terminals.add(2)
  listen()
  terminals.clear()
  process.emit('SIGHUP', 'SIGHUP')
  process.emit('SIGHUP', 'SIGHUP')
  expect(heard).toEqual(['stop SIGHUP'])
})

test('who stopped listening hears nothing', () => {
  listen()
  const other = (): void => {}
  process.on('SIGUSR2', other)
  process.emit('SIGUSR2', 'SIGUSR2')
  off()
  process.emit('SIGUSR2', 'SIGUSR2')
  process.off('SIGUSR2', other)
  expect(heard).toEqual(['stats'])
})
