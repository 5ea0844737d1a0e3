// npm test [-- PART-OF-A-PATH … --test-name-pattern=NAME …]: all tests, or some, beside a PostgreSQL of their own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chmodSync, constants, globSync, mkdtempDisposableSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, matchesGlob } from 'node:path'
import { makeTemplate } from '../packages/server/tests/support/templates.ts'
import { bundleForTests } from './bundle.ts'
import { startPostgres } from './postgres.ts'
import { root } from './setup.mjs'

const everywhere = [
  'packages/*/tests/**/*.test.ts',
  'interop/*.test.ts',
  'examples/**/*.test.ts',
  'tools/*.test.ts',
  'docs/**/*.test.ts',
]
const given = process.argv.slice(2)
const flags = given.filter((argument) => argument.startsWith('-'))
const wanted = given.filter((argument) => !argument.startsWith('-'))
const files = globSync(everywhere, { cwd: root, exclude: ['**/node_modules'] })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part) || matchesGlob(file, part)))
  // The longest ones are none of a package's: they come first, so that none of them is left alone at the end.
  .sort((a, b) => Number(a.startsWith('packages')) - Number(b.startsWith('packages')) || (a < b ? -1 : 1))

if (files.length === 0) {
  console.error(`No test file has ${wanted.map((part) => `"${part}"`).join(' or ')} in its path.`)
  process.exitCode = 1
} else {
  process.exitCode = await runTests(files, flags)
}

async function runTests(files: string[], flags: string[]): Promise<number> {
  // Its data needn't outlive the machine, and without fsync the tests take a fraction of the time.
  await using postgres = await startPostgres({ fsync: false })
  using folder = mkdtempDisposableSync(join(folderOfFolders(), 'license-test-'))
  const skippedFile = join(folder.path, 'skipped')
  // A PostgreSQL that a test starts may be somebody else's.
  chmodSync(folder.path, 0o711)
  const programs = await bundleForTests()
  // Migrated once: each test server has a copy.
  const template = join(folder.path, 'empty-house.db')
  await makeTemplate({ kind: 'sqlite', file: template })
  await makeTemplate({ kind: 'postgres', url: await postgres.createDatabase('empty_house') })
  const reporters = [
    ['spec', 'stdout'],
    [import.meta.resolve('./skipped-reporter.ts'), skippedFile],
  ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`])
  // One more than cores: much of a test is waiting, for a database or for a refusal.
  const limits = [`--test-concurrency=${Math.min(4, availableParallelism() + 1)}`, '--test-timeout=300000']
  const options = ['--conditions=cloudspot-source', '--test', ...limits, ...reporters, ...flags]
  const tests = spawn(process.execPath, [...options, ...files], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      TMPDIR: folder.path,
      TEST_POSTGRES_URL: postgres.url('postgres'),
      TEST_POSTGRES_TEMPLATE: 'empty_house',
      TEST_SQLITE_TEMPLATE: template,
      TEST_SERVER_PROGRAM: programs.server,
      TEST_CLI_PROGRAM: programs.cli,
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => tests.kill(signal))
  const [code] = await once(tests, 'exit')
  const skipped = readSkipped(skippedFile)
  if (process.env.CI !== 'true' || skipped.length === 0) return code ?? 1
  console.error(`With CI=true nothing may be skipped, but ${skipped.length} was: ${skipped.join('; ')}.`)
  return code || 1
}

/** What the tests' folders need at most, many times over. */
const ROOM = 2 * 1024 ** 3

/** In memory where a machine has such a place: nothing of a test is to outlive it, and half of the time would be waiting for a disk. */
function folderOfFolders(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    accessSync('/dev/shm', constants.W_OK)
    if (bavail * bsize > ROOM) return '/dev/shm'
  } catch {
    // Not Linux, or none there.
  }
  return tmpdir()
}

function readSkipped(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch {
    // The tests ended before they could write it; their code tells.
    return []
  }
}
