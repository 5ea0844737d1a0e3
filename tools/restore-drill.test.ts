// docs/restore-drill.md, word by word: its files are written, its commands typed into one shell, and what they print is compared.
import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { freePort } from './free-port.ts'
import { startPostgres } from './postgres.ts'
import { findToolFolder } from './postgres-binaries.ts'
import { root } from './setup.mjs'

const page = readFileSync(join(root, 'docs/restore-drill.md'), 'utf8')
const toolFolder = findToolFolder()
const hasCurl = spawnSync('curl', ['--version']).status === 0
const needsCurl = hasCurl ? false : 'needs a shell and curl'
const needsTools = toolFolder ? needsCurl : 'needs a PostgreSQL of this machine with pg_dump, pg_restore and psql'

type Block = { kind: string; text: string; heading: string }
type Step = { command: string; expected: string }

/** Every fenced block, with the `## ` heading that it stands under. */
function blocks(): Block[] {
  let heading = ''
  return [...page.matchAll(/^## (.*)$|^```(.*)\n([\s\S]*?)^```$/gm)].flatMap(([, title, kind, text]) => {
    heading = title ?? heading
    return title === undefined ? [{ kind: kind ?? '', text: text ?? '', heading }] : []
  })
}

function stepsOf(text: string): Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...expected] = part.trimEnd().split('\n')
      return { command, expected: expected.join('\n') }
    })
}

function matches(printed: string, expected: string): boolean {
  const pattern = expected
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('[^\\n]*')
  return new RegExp(`^${pattern}$`).test(printed.trimEnd())
}

/** One shell, to which commands are typed one after the other. */
class Shell {
  readonly #shell: ChildProcessWithoutNullStreams
  #printed = ''
  #heard = () => {}

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    // A process group of its own, so that a server that was left running ends with it.
    this.#shell = spawn('sh', { cwd: folder, env, detached: true })
    this.#shell.stdin.write('exec 2>&1\n')
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text
      this.#heard()
    })
  }

  async type(command: string): Promise<string> {
    const end = `--- typed ${command.length} ---\n`
    this.#shell.stdin.write(`{ ${command}\n} < /dev/null\nprintf '%s\\n' '${end.trim()}'\n`)
    const deadline = AbortSignal.timeout(60_000)
    while (!this.#printed.endsWith(end)) {
      if (deadline.aborted) throw new Error(`"${command}" does not end: ${this.#printed}`)
      await new Promise<void>((resolve) => {
        this.#heard = resolve
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    const printed = this.#printed.slice(0, -end.length)
    this.#printed = ''
    return printed
  }

  [Symbol.dispose](): void {
    if (this.#shell.pid !== undefined) process.kill(-this.#shell.pid, 'SIGKILL')
  }
}

/** A folder with the page's files, and a `license-server` that is this checkout's. */
function makeFolder(): { path: string; bin: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'license-restore-drill-'))
  const bin = join(path, 'bin')
  mkdirSync(bin)
  const main = join(root, 'packages/server/src/main.ts')
  writeFileSync(
    join(bin, 'license-server'),
    `#!/bin/sh\nexec '${process.execPath}' --conditions=cloudspot-source '${main}' "$@"\n`,
  )
  chmodSync(join(bin, 'license-server'), 0o755)
  for (const { kind, text } of blocks()) {
    const [, name] = /^json (\S+)$/.exec(kind) ?? []
    if (name !== undefined) writeFileSync(join(path, name), text)
  }
  return { path, bin, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

async function follow(heading: string, ports: Record<string, number>, tools: string[]): Promise<number> {
  using folder = makeFolder()
  const { HOME, LANG } = process.env
  const PATH = [folder.bin, ...tools, process.env.PATH].join(delimiter)
  using shell = new Shell(folder.path, { PATH, HOME, LANG })
  const mine = blocks().filter((block) => block.heading === heading && block.kind === 'console')
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
  const others = blocks().filter(
    ({ kind, heading }) => !/^json \S+$/.test(kind) && !(kind === 'console' && /^On /.test(heading)),
  )
  assert.deepEqual(others, [])
  assert.ok(!matches('The house is lost.', 'The house is in order.') && matches('in 3 s', 'in … s'))
})
