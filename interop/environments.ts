// One virtual environment for each release of the published Python package. The first run fetches locked wheels into
// .wheels/ and makes the environments in .venvs/; later runs find them. Nothing outside these two folders is touched.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

type Environments = { python(version: string): string } | { missing: string }

const here = fileURLToPath(new URL('.', import.meta.url))
const releasesFile = join(here, 'releases.txt')
const requirementsFile = join(here, 'requirements.txt')
const run = promisify(execFile)

/** Makes what is missing. Says in one sentence why there can be no environments on this machine, if so. */
export async function prepareEnvironments(): Promise<Environments> {
  const python = await findPython()
  if ('missing' in python) return python
  const releases = readReleases()
  const lock = readFileSync(releasesFile, 'utf8') + readFileSync(requirementsFile, 'utf8')
  const key = shortHash(lock + python.version + python.path)
  const environments = new Map<string, string>()
  try {
    for (const { version } of releases) {
      const environment = await once(join(here, '.venvs'), version, key, async (made) => {
        const wheels = await once(join(here, '.wheels'), 'wheels', shortHash(lock), (folder) =>
          fetchWheels(python.path, releases, folder),
        )
        await makeEnvironment(python.path, made, wheels, `cloudspot-license-api==${version}`)
      })
      environments.set(version, pythonIn(environment))
    }
  } catch (error) {
    return { missing: `The published Python packages can't be set up here: ${lastLine(error)}` }
  }
  return {
    python(version) {
      const found = environments.get(version)
      if (!found) throw new Error(`releases.txt has no row for ${version}`)
      return found
    },
  }
}

async function findPython(): Promise<{ path: string; version: string } | { missing: string }> {
  const probe = 'import json, sys; print(json.dumps([sys.executable, sys.version, sys.version_info >= (3, 9)]))'
  for (const command of ['python3', 'python']) {
    const found = await run(command, ['-I', '-c', probe]).catch(() => undefined)
    if (!found) continue
    const [path, version, recentEnough] = JSON.parse(found.stdout) as [string, string, boolean]
    if (!recentEnough) return { missing: `Python 3.9 or newer is needed, and ${command} is ${version.split(' ')[0]}.` }
    const hasVenv = await run(path, ['-I', '-c', 'import venv']).catch(() => undefined)
    return hasVenv ? { path, version } : { missing: `${path} has no venv module (on Debian: python3-venv).` }
  }
  return { missing: 'There is no python3 on this machine (Python 3.9 or newer is needed).' }
}

function readReleases() {
  const lines = readFileSync(releasesFile, 'utf8').split('\n')
  return lines.flatMap((line) => {
    const version = /^cloudspot-license-api==(\S+)/.exec(line)?.[1]
    return version ? [{ version, line }] : []
  })
}

/**
 * Makes the folder `<name>-<key>` unless it is there. It gets this name when it is complete, so that what an interrupted
 * run leaves behind is never taken for whole; and the key changes with what went in, so that nothing stale is used.
 */
async function once(folder: string, name: string, key: string, make: (made: string) => Promise<void>) {
  const target = join(folder, `${name}-${key}`)
  if (existsSync(target)) return target
  await mkdir(folder, { recursive: true })
  await sweep(folder, name)
  const made = join(folder, `making-${name}-${process.pid}`)
  try {
    await make(made)
    await rename(made, target).catch((error) => {
      // Another run may have been faster; its folder is as good.
      if (!existsSync(target)) throw error
    })
  } finally {
    await rm(made, { recursive: true, force: true })
  }
  return target
}

/** Removes what interrupted runs and older locks left, but nothing that a living process is making. */
async function sweep(folder: string, name: string) {
  for (const found of await readdir(folder)) {
    const maker = /^making-.*-(\d+)$/.exec(found)?.[1]
    const stale = maker ? Number(maker) === process.pid || !isRunning(Number(maker)) : found.startsWith(`${name}-`)
    if (stale) await rm(join(folder, found), { recursive: true, force: true })
  }
}

function isRunning(pid: number) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Another user's process can't be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Fetches the locked wheels, and builds one of each release, which are published as source only. */
async function fetchWheels(python: string, releases: { version: string; line: string }[], wheels: string) {
  console.error('Fetching the published Python packages (once, and again when their lock changes) …')
  await mkdir(wheels)
  const scratch = join(wheels, 'scratch')
  try {
    const download = ['download', '--no-deps', '--require-hashes', '--only-binary=:all:']
    const anyPip = await findPip(python, join(scratch, 'pip'))
    await run(anyPip, ['-m', 'pip', ...download, '-r', requirementsFile, '-d', wheels], { env: pipSettings() })
    await makeEnvironment(python, join(scratch, 'build'), wheels, 'setuptools')
    for (const { version, line } of releases) {
      const locked = join(scratch, `${version}.txt`)
      await writeFile(locked, line)
      const build = ['wheel', '--no-deps', '--no-build-isolation', '--require-hashes', '-r', locked, '-w', wheels]
      const args = ['-I', await pinnedPip(wheels), ...build]
      await run(pythonIn(join(scratch, 'build')), args, { cwd: scratch, env: pipSettings() })
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** A Python that has pip: the machine's own, else one in a virtual environment, where Python brings its own pip. */
async function findPip(python: string, scratch: string) {
  const has = await run(python, ['-m', 'pip', '--version']).catch(() => undefined)
  if (has) return python
  await run(python, ['-m', 'venv', scratch]).catch(() => {
    throw new Error(`${python} has neither pip nor ensurepip (on Debian: python3-pip or python3-venv).`)
  })
  return pythonIn(scratch)
}

async function makeEnvironment(python: string, folder: string, wheels: string, requirement: string) {
  await run(python, ['-I', '-m', 'venv', '--without-pip', folder])
  // --isolated: no setting of this machine's pip may put something else there.
  const install = ['install', '--isolated', '--no-index', '--find-links', wheels, '--quiet', requirement]
  await run(pythonIn(folder), ['-I', await pinnedPip(wheels), ...install])
}

/** pip runs from its wheel; so it need not be in the environments, and the machine's may be an old one. */
async function pinnedPip(wheels: string) {
  const name = (await readdir(wheels)).find((file) => file.startsWith('pip-'))
  if (!name) throw new Error('requirements.txt names no pip')
  return join(wheels, name, 'pip')
}

/** The machine's own settings stay (a mirror, certificates), but for those that forbid or redirect what is done here. */
function pipSettings() {
  return { ...process.env, PIP_REQUIRE_VIRTUALENV: 'false', PIP_USER: 'false', PIP_NO_INPUT: 'true' }
}

function pythonIn(environment: string) {
  return process.platform === 'win32' ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python')
}

function shortHash(text: string) {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Of a failed command, its last line: pip says there what is wrong. */
function lastLine(error: unknown) {
  const { stderr, message } = error as { stderr?: string; message: string }
  const lines = (stderr?.trim() || message).split('\n')
  return (lines.findLast((line) => line.startsWith('ERROR: ')) ?? lines.at(-1) ?? message)
    .replace(/^ERROR: /, '')
    .trim()
}
