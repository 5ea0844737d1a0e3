// docs/restore-drill.md, word by word: its files are written, its commands typed into one shell, and what they print is compared.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { SERVER_PROGRAM } from '../packages/server/tests/support/programs.ts'
import { freePort } from './free-port.ts'
import { matches, readBlocks, Shell, stepsOf } from './page.ts'
import { startPostgres } from './postgres.ts'
import { findToolFolder } from './postgres-binaries.ts'

const toolFolder = findToolFolder()
const hasCurl = spawnSync('curl', ['--version']).status === 0
const needsCurl = hasCurl ? false : 'needs a shell and curl'
const needsTools = toolFolder ? needsCurl : 'needs a PostgreSQL of this machine with pg_dump, pg_restore and psql'

const blocks = readBlocks('docs/restore-drill.md')

/** A folder with the page's files, and a `license-server` that is this checkout's. */
function makeFolder(): { path: string; bin: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'license-restore-drill-'))
  const bin = join(path, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'license-server'),
    `#!/bin/sh\nexec '${process.execPath}' --conditions=cloudspot-source '${SERVER_PROGRAM}' "$@"\n`,
  )
  chmodSync(join(bin, 'license-server'), 0o755)
  for (const { kind, text } of blocks) {
    const [, name] = /^json (\S+)$/.exec(kind) ?? []
    if (name !== undefined) writeFileSync(join(path, name), text)
  }
  return { path, bin, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

async function follow(heading: string, ports: Record<string, number>, tools: string[]): Promise<number> {
  using folder = makeFolder()
  const { HOME, LANG, NODE_COMPILE_CACHE } = process.env
  const PATH = [folder.bin, ...tools, process.env.PATH].join(delimiter)
  using shell = new Shell(folder.path, { PATH, HOME, LANG, NODE_COMPILE_CACHE })
  const mine = blocks.filter((block) => block.heading === heading && block.kind === 'console')
  const steps = mine.flatMap(({ text }) => stepsOf(text))
  for (const { command, expected } of steps) {
    const typed = Object.entries(ports).reduce((text, [port, own]) => text.replaceAll(port, String(own)), command)
    const printed = await shell.type(typed)
    assert.ok(matches(printed, expected), `$ ${command}\nprinted:\n${printed}\nthe page says:\n${expected}`)
  }
  return steps.length
}

test('the restore drill goes as its page says (sqlite)', { skip: needsCurl }, async () => {
  assert.ok((await follow('On SQLite', { 8000: await freePort() }, [])) >= 20)
})

test('the restore drill goes as its page says (postgres)', { skip: needsTools }, async () => {
  await using postgres = await startPostgres({ fsync: false, ...(toolFolder ? { programs: toolFolder } : {}) })
  const ports = { 8000: await freePort(), 5432: postgres.port }
  assert.ok((await follow('On PostgreSQL', ports, toolFolder ? [toolFolder] : [])) >= 20)
})

test('every block of the page is a file of it or is typed', () => {
  const others = blocks.filter(
    ({ kind, heading }) => !/^json \S+$/.test(kind) && !(kind === 'console' && /^On /.test(heading)),
  )
  assert.deepEqual(others, [])
  assert.ok(!matches('The house is lost.', 'The house is in order.') && matches('in 3 s', 'in … s'))
})
