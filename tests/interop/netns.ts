/** Networks of our own: each host is a Linux network namespace, and a cable between two is a pair of veth devices. */
import { spawnSync } from 'node:child_process'
import type { Requirement } from './requirements.ts'

/** Where a process of a test runs. */
export interface Host {
  readonly address: string
  readonly address6: string
  /** Words before a command that make it run there. */
  readonly enter: readonly string[]
}

/** This machine, over loopback. */
export const HERE: Host = { address: '127.0.0.1', address6: '::1', enter: [] }
/** The same over IPv6. */
export const HERE6: Host = { ...HERE, address: '::1' }

const LINK_DEADLINE_MS = 5_000
const LINK_POLL_MS = 20

let made = 0

export class Network {
  readonly hosts: readonly Host[]
  readonly #namespaces: string[] = []

  /**
   * Two hosts are joined by one cable, more by a switch. Each has an IPv4 and an IPv6 address, and a route to everywhere.
   * @param count hosts, at most 9
   */
  constructor(count: number) {
    const prefix = `bitswarm-${process.pid}-${++made}`
    try {
      const hosts = Array.from({ length: count }, (_, index) => this.#add(`${prefix}-host${index + 1}`))
      if (count === 2) joinByCable([hosts[0]!, 'eth0'], [hosts[1]!, 'eth0'])
      else this.#joinBySwitch(this.#add(`${prefix}-switch`), hosts)
      this.hosts = hosts.map((namespace, index) => configure(namespace, index + 1))
      for (const namespace of hosts) waitForLink(namespace)
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    for (const namespace of this.#namespaces.splice(0)) spawnSync('ip', ['netns', 'delete', namespace])
  }

  #add(namespace: string): string {
    ip('netns', 'add', namespace)
    this.#namespaces.push(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }

  #joinBySwitch(bridge: string, hosts: readonly string[]): void {
    // Multicast is flooded, as by the switch in most homes.
    ip('-n', bridge, 'link', 'add', 'bridge', 'type', 'bridge', 'mcast_snooping', '0')
    ip('-n', bridge, 'link', 'set', 'bridge', 'up')
    for (const [index, host] of hosts.entries()) {
      const port = `port${index + 1}`
      joinByCable([bridge, port], [host, 'eth0'])
      ip('-n', bridge, 'link', 'set', port, 'master', 'bridge', 'up')
    }
  }
}

export const networks: Requirement = {
  name: 'network namespaces',
  version() {
    const name = `bitswarm-${process.pid}-probe`
    if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return undefined
    spawnSync('ip', ['netns', 'delete', name])
    return 'network namespaces'
  },
}

/** Lets a host of a {@link Network} send no more than `bytesPerSecond`. */
export function limitUpload({ enter }: Host, bytesPerSecond: number): void {
  const filter = ['tbf', 'rate', `${bytesPerSecond}bps`, 'burst', '256kb', 'latency', '50ms']
  run([...enter, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'root', ...filter])
}

type Device = readonly [namespace: string, name: string]

function joinByCable([here, device]: Device, [there, peer]: Device): void {
  ip('-n', here, 'link', 'add', device, 'type', 'veth', 'peer', 'name', peer, 'netns', there)
}

function configure(namespace: string, number: number): Host {
  const address = `10.77.0.${number}`
  ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0')
  // An IPv6 address that is being checked for duplicates cannot be used yet: ours are told not to be.
  ip('-n', namespace, 'link', 'set', 'eth0', 'addrgenmode', 'none')
  for (const net of ['fd77::', 'fe80::'])
    ip('-n', namespace, 'address', 'add', `${net}${number}/64`, 'dev', 'eth0', 'nodad')
  ip('-n', namespace, 'link', 'set', 'eth0', 'up')
  ip('-n', namespace, 'route', 'add', 'default', 'via', '10.77.0.254')
  return { address, address6: `fd77::${number}`, enter: ['ip', 'netns', 'exec', namespace] }
}

/** The kernel tells programs of a cable up to a second after it was plugged in. */
function waitForLink(namespace: string): void {
  const deadline = performance.now() + LINK_DEADLINE_MS
  while (!run(['ip', '-n', namespace, 'link', 'show', 'dev', 'eth0']).includes(' state UP ')) {
    if (performance.now() > deadline) throw new Error(`${namespace}: the link is not up`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LINK_POLL_MS)
  }
}

function ip(...args: readonly string[]): void {
  run(['ip', ...args])
}

/** @returns what it printed */
function run([command, ...args]: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command!, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
  return stdout
}
