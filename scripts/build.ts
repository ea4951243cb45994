/** Builds `dist`: JavaScript, types and maps by tsc, then the launcher that npm links as `bitswarm`. */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

rmSync(at('dist'), { recursive: true, force: true })

const tsc = spawnSync(
  process.execPath,
  [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')],
  { stdio: 'inherit' },
)
if (tsc.status !== 0) process.exit(tsc.status ?? 1)

// tsc turns './x.ts' into './x.js' in JavaScript but leaves it in declarations (microsoft/TypeScript#61037).
const declarations = globSync(at('dist/**/*.d.ts'))
for (const file of declarations) {
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text.replaceAll(/(\b(?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"]*)\.ts(['"])/g, '$1.js$2'),
  )
}
if (declarations.length === 0) throw new Error('tsc wrote no declarations')

copyFileSync(at('cmd/launcher.js'), at('dist/cmd/launcher.js'))
chmodSync(at('dist/cmd/launcher.js'), 0o755)
