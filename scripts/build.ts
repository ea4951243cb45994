/**
 * Builds `dist`. A process that loads some two hundred files takes three times as long to start as one that loads a few, so
 * rolldown bundles them, together with what they use of other packages; tsc emits the types.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type InputOptions, type OutputOptions, type Plugin } from 'rolldown'

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

rmSync(at('dist'), { recursive: true, force: true })

/**
 * Gets Node's own modules from the process. A static import reads every export of a module, and so loads even the parts
 * that Node loads lazily. `node:module` stays as it is, because rolldown's own runtime starts with it.
 */
const builtins: Plugin = {
  name: 'builtins',
  resolveId: (id, _importer, { kind }) =>
    id.startsWith('node:') && id !== 'node:module' && kind === 'import-statement'
      ? { id: `\0${id}`, moduleSideEffects: false }
      : null,
  async load(id) {
    if (!id.startsWith('\0node:')) return null
    const names = Object.keys((await import(id.slice(1))) as object).filter((name) => name !== 'default')
    return [
      `const builtin = process.getBuiltinModule('${id.slice(1)}')`,
      'export default builtin',
      ...names.map((name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})()`),
    ].join('\n')
  },
}

/** V8 stores a whole text in two bytes per character as soon as one needs them: an ellipsis cost each process 1.7 MiB. */
const ascii: Plugin = {
  name: 'ascii',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle))
      if (file.type === 'chunk')
        file.code = file.code.replace(
          /[^\0-\x7f]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        )
  },
}

/** Wraps the code as Node wraps a CommonJS module, for `compiled-program.ts`. Lines keep their numbers. */
const wrapper: Plugin = {
  name: 'wrapper',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle))
      if (file.type === 'chunk')
        file.code = `(function (require, module, exports, __filename, __dirname) { ${file.code}\n})`
  },
}

const common = { cwd: at('.'), platform: 'node', plugins: [builtins, ascii] } satisfies InputOptions
const format: OutputOptions = {
  dir: 'dist',
  format: 'esm',
  sourcemap: true,
  chunkFileNames: '[name].js',
  // Each process reads all of the code again.
  comments: { legal: true, annotation: false, jsdoc: false },
}
// They share no chunk: finding, opening and parsing another file takes longer than reading the code twice.
const bundles = await build([
  { ...common, input: { library: 'src/app/library.ts' }, output: format },
  // A thread of its own: `worker-thread.ts`, which is bundled into files of `dist`, looks for it there.
  { ...common, input: { 'disk-worker': 'src/storage/fs/disk-worker.ts' }, output: format },
  { ...common, input: { 'cmd/compiled-program': 'cmd/compiled-program.ts' }, output: format },
  {
    ...common,
    plugins: [...common.plugins, wrapper],
    input: { bitswarm: 'cmd/bitswarm.ts' },
    output: { ...format, format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
  },
])

// npm links it as `bitswarm`. It is not compiled, so that a Node too old for the rest can still run it.
copyFileSync(at('cmd/launcher.js'), at('dist/cmd/launcher.js'))
chmodSync(at('dist/cmd/launcher.js'), 0o755)

const modules = bundles
  .flatMap(({ output }) => output)
  .flatMap((file) => (file.type === 'chunk' ? Object.keys(file.modules) : []))
writeFileSync(at('dist/THIRD-PARTY-LICENSES.txt'), licensesOf(modules))

const tsc = spawnSync(
  process.execPath,
  [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')],
  { stdio: 'inherit' },
)
if (tsc.status !== 0) process.exit(tsc.status ?? 1)

// tsc leaves './x.ts' in declarations (microsoft/TypeScript#61037).
const declarations = globSync(at('dist/**/*.d.ts'))
for (const file of declarations) {
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text.replaceAll(/(\b(?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"]*)\.ts(['"])/g, '$1.js$2'),
  )
}
if (declarations.length === 0) throw new Error('tsc wrote no declarations')

/** The licences of all bundled packages, which require to be distributed with their code. */
function licensesOf(paths: readonly string[]): string {
  const folders = paths.flatMap((path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [])
  const sections = [...new Set(folders)].toSorted().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Package
    const [license] = globSync(`${folder}/{LICENSE,LICENCE,License,license}*`)
    if (license === undefined) throw new Error(`${name} comes without the text of its licence`)
    return `${name} ${version}\n\n${readFileSync(license, 'utf8').trim()}\n`
  })
  return sections.join(`\n${'-'.repeat(80)}\n\n`)
}

interface Package {
  readonly name: string
  readonly version: string
}
