/** A certificate authority of our own, and one server certificate from it. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Paths of PEM files. */
export interface ServerCertificate {
  /** What a client must trust. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** @param addresses IP addresses that it is good for */
export function makeCertificate(folder: string, addresses: readonly string[]): ServerCertificate {
  const at = (name: string): string => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = addresses.map((address) => `IP:${address}`).join(',')
  writeFileSync(at('extensions'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`)
  const authority = ['-x509', '-days', '2', '-subj', '/CN=bitswarm test authority']
  openssl('req', ...authority, ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'))
  openssl('req', '-subj', '/CN=web seed', ...newKey, '-keyout', at('server.key'), '-out', at('server.csr'))
  const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2']
  const extensions = ['-extfile', at('extensions')]
  openssl('x509', '-req', '-in', at('server.csr'), ...signing, ...extensions, '-out', at('server.pem'))
  return { authority: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') }
}

function openssl(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? stderr}`)
}
