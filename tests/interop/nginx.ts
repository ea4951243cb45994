/** nginx as a web seed: a folder over HTTP and HTTPS, with ranges. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from './certificate.ts'
import { firstLine } from './foreign-process.ts'
import { HERE, type Host } from './netns.ts'
import type { Requirement } from './requirements.ts'
import type { Scene } from './scene.ts'

const PROGRAM = '/usr/sbin/nginx'

export const nginx: Requirement = { name: 'nginx', version: () => firstLine(PROGRAM, ['-v']) }

export interface WebServer {
  /** Addresses of the folder; they end with a slash. */
  readonly http: string
  readonly https: string
  /** The authority that vouches for the HTTPS one: path of a PEM file. */
  readonly authority: string
  /** Requests so far, one line each: status, range, path. */
  requests(): readonly string[]
}

export async function startNginx(scene: Scene, folder: string, host: Host = HERE): Promise<WebServer> {
  const own = scene.newFolder()
  const [plain, secure] = [await scene.freeAddress(host), await scene.freeAddress(host)]
  const { authority, certificate, key } = makeCertificate(own, [host.address])
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${own};`,
  )
  writeFileSync(
    join(own, 'nginx.conf'),
    `daemon off;
master_process off;
pid ${own}/pid;
error_log stderr warn;
events {}
http {
  ${temporary.join('\n  ')}
  log_format short '$status $http_range $uri';
  access_log ${own}/requests short;
  server {
    listen ${plain};
    listen ${secure} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    root "${folder}";
  }
}
`,
  )
  const process = scene.spawn('nginx', PROGRAM, ['-p', own, '-c', join(own, 'nginx.conf')], { host })
  await process.until('listening', () =>
    [plain, secure].every((at) => process.isListeningOn(Number(at.split(':')[1]))),
  )
  return {
    http: `http://${plain}/`,
    https: `https://${secure}/`,
    authority,
    requests: () =>
      readFileSync(join(own, 'requests'), 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
  }
}
