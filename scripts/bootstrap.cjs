/*
 * Makes the checkout ready: runs `npm ci` when node_modules is missing or older than the lockfile, which also brings
 * the Node 24 that everything else runs on. CommonJS in old syntax, because this file runs on whatever Node is there.
 */
'use strict'
const { spawnSync } = require('child_process')
const fs = require('fs')
const path = require('path')

const root = path.join(__dirname, '..')
const installed = path.join(root, 'node_modules', '.package-lock.json')
const ownNode = path.join(root, 'node_modules', '.bin', 'node')

function modifiedAt(file) {
  try {
    return fs.statSync(file).mtimeMs
  } catch (error) {
    if (error.code === 'ENOENT') return -Infinity
    throw error
  }
}

/** A link to the node_modules of another checkout: npm would empty that one. */
function isShared() {
  try {
    return fs.lstatSync(path.join(root, 'node_modules')).isSymbolicLink()
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
}

function install() {
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const cli = process.env.npm_execpath || ''
  // npm's output goes to stderr: stdout is for the command that the user wants.
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  const result = /npm-cli\.js$/.test(cli)
    ? spawnSync(process.execPath, [cli].concat(args), options)
    : spawnSync('npm', args, options)
  if (result.error) throw result.error
  return result.status === null ? 1 : result.status
}

/**
 * npm 10 removes the link to this platform's Node along with those of packages for other platforms, because all of them
 * are called `node`.
 */
function linkNode() {
  const brought = path.join('node-' + process.platform + '-' + process.arch, 'bin', 'node')
  if (fs.existsSync(ownNode) || !fs.existsSync(path.join(root, 'node_modules', brought))) return
  fs.mkdirSync(path.dirname(ownNode), { recursive: true })
  fs.symlinkSync(path.join('..', brought), ownNode)
}

function isNewEnough(version) {
  const parts = version.split('.').map(Number)
  return parts[0] > 22 || (parts[0] === 22 && parts[1] >= 18)
}

if (process.platform === 'win32') {
  process.stderr.write('bitswarm: does not run on Windows itself, but in WSL: https://aka.ms/wsl\n')
  process.exitCode = 1
} else if (!isShared() && modifiedAt(installed) < modifiedAt(path.join(root, 'package-lock.json'))) {
  process.stderr.write('bitswarm: installing what package-lock.json names (once) …\n')
  process.exitCode = install()
  if (process.exitCode !== 0) process.stderr.write('bitswarm: npm ci failed\n')
}
if (!process.exitCode) linkNode()
if (!process.exitCode && !fs.existsSync(ownNode) && !isNewEnough(process.versions.node)) {
  process.stderr.write(
    'bitswarm: needs Node >= 22.18, this is ' +
      process.versions.node +
      ', and npm brought none for this platform (were optional packages left out?)\n',
  )
  process.exitCode = 1
}
