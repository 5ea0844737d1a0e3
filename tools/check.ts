// npm run check: types, format, lint, import direction, cycles, dead code, and what npm would publish.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './setup.mjs'

const bin = (path: string) => join(root, 'node_modules', path)
// By path, not through npx, so that every step runs on this Node.
// The types come first: their step builds the client, and the next one the server, that the last ones look at.
const steps = [
  { name: 'types', file: bin('typescript/bin/tsc'), args: ['-b'] },
  { name: 'server bundle', file: join(root, 'tools/bundle.ts'), args: [] },
  {
    name: 'format, lint, imports',
    file: bin('@biomejs/biome/bin/biome'),
    args: ['check', '--error-on-warnings', '--max-diagnostics=100'],
  },
  { name: 'dead code', file: bin('knip/bin/knip.js'), args: ['--no-progress', '--no-config-hints'] },
  { name: 'client package', file: bin('publint/src/cli.js'), args: ['--strict', 'packages/client'] },
  {
    name: 'client types',
    file: bin('@arethetypeswrong/cli/dist/index.js'),
    args: ['--pack', 'packages/client', '--profile', 'esm-only'],
  },
  { name: 'server package', file: bin('publint/src/cli.js'), args: ['--strict', 'packages/server'] },
  { name: 'cli package', file: bin('publint/src/cli.js'), args: ['--strict', 'packages/cli'] },
]

for (const step of steps) {
  const started = performance.now()
  const { passed, output } = await run(step.file, step.args)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${passed ? '✔' : '✖'} ${step.name} (${seconds} s)`)
  if (passed) continue
  process.exitCode = 1
  console.log(output.trimEnd())
}

function run(file: string, args: string[]): Promise<{ passed: boolean; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const add = (chunk: string) => {
      output += chunk
    }
    child.stdout.setEncoding('utf8').on('data', add)
    child.stderr.setEncoding('utf8').on('data', add)
    child.on('error', reject)
    child.on('close', (code) => resolve({ passed: code === 0, output }))
  })
}
