import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from 'commander'
import { examplesOf } from '../src/command.ts'
import { createProgram } from '../src/program.ts'
import { CommandLine } from './support/run.ts'

const cli = new CommandLine({})

/** Every command that does something, with the words that call it. */
function leaves(command: Command, path: string[] = []): { path: string[]; command: Command }[] {
  const below = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help')
  if (below.length === 0) return [{ path, command }]
  return below.flatMap((each) => leaves(each, [...path, each.name()]))
}

test('every command has a sentence, examples that it takes, and shows them', () => {
  const all = leaves(createProgram())
  assert.ok(all.length >= 55, `${all.length} commands`)
  for (const { path, command } of all) {
    const name = path.join(' ')
    assert.match(command.description(), /^[A-Z].*\.$/, name)
    const examples = examplesOf(command)
    assert.ok(examples.length > 0, `${name} has no example`)
    let shown = ''
    command.configureOutput({ writeOut: (text) => (shown += text) }).outputHelp()
    for (const example of examples) {
      assert.ok(shown.includes(`  $ ${example}\n`), `${name} does not show: ${example}`)
      const called = parse(wordsOf(example))
      assert.deepEqual(called, path, example)
    }
    for (const option of ['--server <address>', '--key-file <file>', '--json', '--yes'])
      assert.ok(shown.includes(option), `${name} does not tell of ${option}`)
    for (const { flags, description, hidden } of command.options)
      if (!hidden && !/^--(first|last)-name/.test(flags)) assert.ok(description, `${name} ${flags} says nothing`)
  }
})

/** What a line would call, by the parser itself. Throws where it would not be taken. */
function parse(args: string[]): string[] {
  const program = createProgram()
  let called: string[] = []
  for (const { path, command } of leaves(program)) {
    command.action(() => {
      called = path
    })
  }
  program.parse(args, { from: 'user' })
  return called
}

/** The words after the program's name, up to where another program begins. */
function wordsOf(example: string): string[] {
  const [, ours = ''] = /cloudspot-license ((?:"[^"]*"|'[^']*'|[^|>;)"'])*)/.exec(example) ?? []
  return [...ours.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )
}

test('the help is there without a server and without a key, and says what an exit code means', async () => {
  const whole = await cli.text(['--help'])
  assert.match(whole, /Exit codes: 0 done; 1 refused or failed; 2 wrong use; 3 with --check/)
  for (const name of ['user', 'plan', 'completion']) assert.match(whole, new RegExp(`^ {2}${name} +\\w`, 'm'))
  assert.equal(await cli.text(['help']), whole)
  assert.match(
    await cli.text(['grant', 'add', '--help']),
    /Usage: cloudspot-license grant add \[options\] <user> <company>/,
  )
  assert.match(await cli.text(['--version']), /^\d+\.\d+\.\d+\n$/)
})

test('what is typed wrongly is told, with what may have been meant, and ends with 2', async () => {
  const wrong: [line: string, told: RegExp][] = [
    ['usr list', /unknown command 'usr'\n\(Did you mean user\?\)/],
    ['user lst', /unknown command 'lst'\n\(Did you mean list\?\)/],
    ['user list --compny ACME', /unknown option '--compny'\n\(Did you mean --company\?\)/],
    ['user show', /missing required argument 'user'/],
    ['application add crm', /required option '--name <text>' not specified/],
    ['license set ACME crm --seats many', /whole number from 0 to 1000000000/],
    ['audit export a --format xml', /Allowed choices are csv, ndjson/],
    ['completion tcsh', /Allowed choices are bash, zsh, fish/],
    [
      'company remove ACME',
      /not deleted, so that the audit stays readable\. Switch it off: company set NAME --no-active/,
    ],
    ['license remove ACME crm', /it ends\. license set COMPANY APPLICATION --until/],
    ['token set', /A session is not changed/],
    ['key set', /make another one with `key add`/],
  ]
  for (const [line, told] of wrong) assert.match(await cli.refusal(2, line.split(' ')), told)
})
