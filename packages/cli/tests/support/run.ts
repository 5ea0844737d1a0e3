import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type Ran, runProgram } from '../../../server/tests/commands/run.ts'
import { makeKey } from '../../../server/tests/support/admin.ts'
import { CLI_PROGRAM } from '../../../server/tests/support/programs.ts'
import type { TestServer } from '../../../server/tests/support/server.ts'

export type More = { env?: Record<string, string>; input?: string }

/** The real program, as a process of its own, at a server and with a key. */
export class CommandLine {
  readonly #env: Record<string, string>

  constructor(env: Record<string, string>) {
    this.#env = env
  }

  static async at(server: TestServer, wanted: Parameters<typeof makeKey>[1] = {}): Promise<CommandLine> {
    return new CommandLine({ LICENSE_SERVER: server.url, LICENSE_API_KEY: await makeKey(server, wanted) })
  }

  get key(): string {
    return this.#env.LICENSE_API_KEY ?? ''
  }

  get env(): Readonly<Record<string, string>> {
    return this.#env
  }

  run(args: readonly string[], { env, input }: More = {}): Promise<Ran> {
    return runProgram(CLI_PROGRAM, { ...this.#env, ...env }, args, input)
  }

  /** What it printed where it succeeded, with nothing beside it. */
  async text(args: readonly string[], more: More = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, more)
    assert.deepEqual([code, stderr], [0, ''], `${args.join(' ')}: ${stdout}`)
    return stdout
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects; a wrong guess fails it.
  async json(args: readonly string[], more: More = {}): Promise<any> {
    return JSON.parse(await this.text([...args, '--json'], more))
  }

  /** What it said where it did not: without a trace, and with nothing on standard output. */
  async refusal(code: number, args: readonly string[], more: More = {}): Promise<string> {
    const ran = await this.run(args, more)
    assert.deepEqual([ran.code, ran.stdout], [code, ''], `${args.join(' ')}: ${ran.stderr}`)
    assert.doesNotMatch(ran.stderr, /\n {4}at |node:internal|Error:/)
    return ran.stderr
  }
}

/** A folder that is gone after the tests of the file. */
export function makeFolder(): { path: string; file(name: string, content: string): string } {
  const path = mkdtempSync(join(tmpdir(), 'license-cli-'))
  after(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    file(name, content) {
      const whole = join(path, name)
      writeFileSync(whole, content)
      return whole
    },
  }
}

/** As a shell would split it: by blanks, but within double quotes. */
export function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
}

// biome-ignore lint/suspicious/noExplicitAny: each row says what it expects of an answer.
export type Row = [line: string, holds: (answer: any) => unknown, told: RegExp]

/** Types each line twice: for a program, and for a person. */
export async function checkRows(cli: CommandLine, rows: readonly Row[]): Promise<void> {
  const wrong: string[] = []
  for (const [line, holds, told] of rows) {
    const args = words(line)
    const answer = await cli.json(args)
    if (!holds(answer)) wrong.push(`${line} --json: ${JSON.stringify(answer)}`)
    const { code, stdout } = await cli.run(args)
    if (code !== 0 || !told.test(stdout)) wrong.push(`${line}: ${stdout}`)
  }
  assert.deepEqual(wrong, [])
}
