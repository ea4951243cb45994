#!/usr/bin/env node
/** The published command. It has no static imports, so that an old Node gets a sentence and not a stack trace. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `bitswarm needs Node.js 22.18 or newer; this is ${process.versions.node}.\n` +
      'Without installing one: npx -y -p node@24 -p bitswarm bitswarm …\n',
  )
  process.exitCode = 1
} else {
  const { enableCompileCache, flushCompileCache } = await import('node:module')
  enableCompileCache()
  // Node writes it when a process ends; one that is killed would leave nothing to those that follow.
  setTimeout(flushCompileCache, 2_000).unref()
  await import('./bitswarm.js')
}
