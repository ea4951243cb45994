/** nginx as a web seed: a folder over HTTP and HTTPS, with ranges. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from './certificate.ts'
import { firstLine } from './foreign-process.ts'
import { HERE, type Host } from './netns.ts'
import type { Requirement } from './requirements.ts'
import type { Scene } from './scene.ts'

const PROGRAM = '/usr/sbin/nginx'
/** Between the choice of a free port and its use somebody else may take it: other files of the suite run beside this one. */
const MAX_ATTEMPTS = 3

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
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryNginx(scene, folder, host)
    } catch (error) {
      if (attempt === MAX_ATTEMPTS) throw error
    }
  }
}

async function tryNginx(scene: Scene, folder: string, host: Host): Promise<WebServer> {
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
  // It writes that file when it has its ports.
  await process.until('listening', () => existsSync(join(own, 'pid')))
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
