/** Where all processes of a benchmark meet: a network and mounts of their own if permitted, or plain loopback. */
import { execFileSync, spawnSync } from 'node:child_process'
import { env, execPath, getuid } from 'node:process'

const MARK = 'BITSWARM_BENCH_NAMESPACE'
/** Addresses of a namespace: enough for one seeder and fifty leechers. */
const HOSTS = 60

/**
 * Restarts this program, in the same process, in namespaces of its own and on certain CPUs. In there nothing leaves the
 * machine, no port is taken, the loopback counters are ours, and mounts vanish with us. Returns if there is nothing to
 * change.
 *
 * @param cpus as `taskset -c` takes them
 */
export function enterNamespace(cpus: string | undefined): void {
  if (env[MARK] !== undefined) {
    if (hasNamespace()) plugIn()
    return
  }
  const unshare = ['unshare', '--net', '--mount', ...(getuid!() === 0 ? [] : ['--map-root-user']), '--']
  const isAllowed =
    spawnSync(unshare[0]!, [...unshare.slice(1), 'ip', 'link', 'set', 'lo', 'up']).status === 0
  const pinned = cpus === undefined ? [] : ['taskset', '-c', cpus]
  const words = [...(isAllowed ? unshare : []), ...pinned, execPath, ...process.argv.slice(1)]
  process.execve!('/usr/bin/env', ['env', ...words], { ...env, [MARK]: isAllowed ? 'own' : 'loopback' })
}

export function hasNamespace(): boolean {
  return env[MARK] === 'own'
}

/** The address of a number. Number 0 is for trackers and the like. */
export function hostAddress(number: number): string {
  if (number > HOSTS) throw new RangeError(`there are ${HOSTS} hosts`)
  return hasNamespace() ? `10.77.0.${100 + number}` : `127.0.0.${100 + number}`
}

function plugIn(): void {
  const addresses = Array.from(
    { length: HOSTS + 1 },
    (_, number) => `address add ${hostAddress(number)}/32 dev lo`,
  )
  execFileSync('ip', ['-batch', '-'], { input: ['link set lo up', ...addresses].join('\n') })
}
