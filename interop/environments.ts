// One virtual environment for each release of a published Python package. The first run fetches locked wheels into
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
const run = promisify(execFile)

/** A published package, of which each release in `<folder>/releases.txt` gets an environment. */
export interface Package {
  name: string
  /** With `releases.txt`, locked sources to build, and `requirements.txt`, locked wheels. */
  folder: string
  /** What is installed beside it, as it is named in `requirements.txt`. */
  beside: readonly string[]
  /** The oldest Python 3 that all of it runs on. */
  oldestPython: number
}

const pythonClient: Package = {
  name: 'cloudspot-license-api',
  folder: here,
  beside: [],
  oldestPython: 9,
}

export const djangoPackage: Package = {
  name: 'django-cloudspotlicense',
  folder: join(here, 'django'),
  beside: ['Django'],
  oldestPython: 10,
}

/** Makes what is missing. Says in one sentence why there can be no environments on this machine, if so. */
export async function prepareEnvironments(wanted = pythonClient): Promise<Environments> {
  const python = await findPython(wanted.oldestPython)
  if ('missing' in python) return python
  const releases = readReleases(wanted)
  const lock = readLock(wanted)
  const key = shortHash(lock + python.version + python.path)
  const environments = new Map<string, string>()
  try {
    for (const { name, version } of releases) {
      if (name !== wanted.name) continue
      const environment = await once(join(here, '.venvs'), `${name}-${version}`, key, async (made) => {
        const wheels = await once(join(here, '.wheels'), name, shortHash(lock), (folder) =>
          fetchWheels(python.path, wanted, folder),
        )
        await makeEnvironment(python.path, made, wheels, [`${name}==${version}`, ...wanted.beside])
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

async function findPython(oldest: number): Promise<{ path: string; version: string } | { missing: string }> {
  const probe = 'import json, sys; print(json.dumps([sys.executable, sys.version, sys.version_info[:2]]))'
  for (const command of ['python3', 'python']) {
    const found = await run(command, ['-I', '-c', probe]).catch(() => undefined)
    if (!found) continue
    const [path, version, [major, minor]] = JSON.parse(found.stdout) as [string, string, [number, number]]
    if (major < 3 || (major === 3 && minor < oldest)) {
      return { missing: `Python 3.${oldest} or newer is needed, and ${command} is ${version.split(' ')[0]}.` }
    }
    const hasVenv = await run(path, ['-I', '-c', 'import venv']).catch(() => undefined)
    return hasVenv ? { path, version } : { missing: `${path} has no venv module (on Debian: python3-venv).` }
  }
  return { missing: `There is no python3 on this machine (Python 3.${oldest} or newer is needed).` }
}

function readReleases({ folder }: Package) {
  const lines = readFileSync(join(folder, 'releases.txt'), 'utf8').split('\n')
  return lines.flatMap((line) => {
    const [, name, version] = /^([\w-]+)==(\S+)/.exec(line) ?? []
    return name && version ? [{ name, version, line }] : []
  })
}

/** All that is locked, so that a change of it makes everything anew. */
function readLock({ folder }: Package) {
  const files = [...new Set([folder, here])].map((each) => join(each, 'requirements.txt'))
  return [join(folder, 'releases.txt'), ...files].map((file) => readFileSync(file, 'utf8')).join('')
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
async function fetchWheels(python: string, wanted: Package, wheels: string) {
  console.error(`Fetching ${wanted.name} and what it needs (once, and again when its lock changes) …`)
  await mkdir(wheels)
  const scratch = join(wheels, 'scratch')
  try {
    const download = ['download', '--no-deps', '--require-hashes', '--only-binary=:all:']
    const anyPip = await findPip(python, join(scratch, 'pip'))
    const requirements = join(wanted.folder, 'requirements.txt')
    await run(anyPip, ['-m', 'pip', ...download, '-r', requirements, '-d', wheels], { env: pipSettings() })
    await makeEnvironment(python, join(scratch, 'build'), wheels, ['setuptools'])
    for (const { name, version, line } of readReleases(wanted)) {
      const locked = join(scratch, `${name}-${version}.txt`)
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

async function makeEnvironment(python: string, folder: string, wheels: string, requirements: string[]) {
  await run(python, ['-I', '-m', 'venv', '--without-pip', folder])
  // --isolated: no setting of this machine's pip may put something else there.
  // Not compiled ahead: of Django only a part is ever loaded.
  const options = ['--isolated', '--no-index', '--no-compile', '--quiet', '--find-links', wheels]
  const install = ['install', ...options, ...requirements]
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
