import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { SHELLS } from '../src/completion/scripts.ts'
import { branchesOf } from '../src/completion/tree.ts'
import { createProgram } from '../src/program.ts'
import { CommandLine, makeFolder } from './support/run.ts'

const cli = new CommandLine({})
const folder = makeFolder()

function has(shell: string): false | string {
  return spawnSync(shell, ['--version']).error === undefined ? false : `needs ${shell}`
}

/** What bash would offer after a line, which ends in what is typed so far. */
function offered(script: string, line: string): string[] {
  const words = line.split(' ')
  const typed = words.map((word) => `'${word}'`).join(' ')
  const ask = [
    `source '${script}'`,
    `COMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}`,
    '_cloudspot_license',
    `printf "%s\\n" "\${COMPREPLY[@]}"`,
  ].join('\n')
  const { status, stdout, stderr } = spawnSync('bash', ['-c', ask], { encoding: 'utf8' })
  assert.deepEqual([status, stderr], [0, ''])
  return stdout.split('\n').filter((each) => each !== '')
}

test('bash completes commands, options and the values of options', { skip: has('bash') }, async () => {
  const script = folder.file('completion.bash', await cli.text(['completion', 'bash']))
  const rows: [line: string, offers: string[]][] = [
    ['cloudspot-license us', ['user']],
    ['cloudspot-license a', ['application', 'apply', 'audit']],
    ['cloudspot-license user ', ['list', 'show', 'add', 'set', 'remove']],
    ['cloudspot-license user s', ['show', 'set']],
    ['cloudspot-license --json user re', ['remove']],
    ['cloudspot-license user list --co', ['--company']],
    ['cloudspot-license user list --j', ['--json']],
    ['cloudspot-license audit export a.csv --format ', ['csv', 'ndjson']],
    ['cloudspot-license audit export a.csv --format n', ['ndjson']],
    ['cloudspot-license key add --power s', ['support']],
    // Files: bash's own completion takes over where nothing is offered.
    ['cloudspot-license whoami --key-file ', []],
    ['cloudspot-license plan ', []],
    // Neither is for eyes.
    ['cloudspot-license --ke', ['--key-file']],
    ['cloudspot-license company re', []],
  ]
  for (const [line, offers] of rows) assert.deepEqual([line, offered(script, line)], [line, offers])
})

test('every command is offered where it belongs', { skip: has('bash') }, async () => {
  const script = folder.file('whole.bash', await cli.text(['completion', 'bash']))
  for (const { path, commands } of branchesOf(createProgram()).filter((branch) => branch.commands.length > 0))
    assert.deepEqual(
      offered(script, `cloudspot-license${path} `),
      commands.map(({ name }) => name),
      path,
    )
})

for (const shell of SHELLS) {
  test(`every command and option is in what ${shell} reads`, async () => {
    const text = await cli.text(['completion', shell])
    for (const { commands, options } of branchesOf(createProgram())) {
      for (const { name } of commands) assert.ok(text.includes(name), name)
      for (const { flag } of options) assert.ok(text.includes(shell === 'fish' ? `-l ${flag.slice(2)}` : flag), flag)
    }
    // Its grammar, where the shell is on this machine.
    if (has(shell)) return
    const { status, stderr } = spawnSync(shell, ['-n', folder.file(`completion.${shell}`, text)], { encoding: 'utf8' })
    assert.deepEqual([status, stderr], [0, ''])
  })
}
