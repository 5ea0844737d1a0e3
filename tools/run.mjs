// node tools/run.mjs FILE [ARGUMENTS …]: sets the checkout up, then runs FILE on the pinned Node, from its TypeScript source.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname, resolve } from 'node:path'
import { root, setUp } from './setup.mjs'

const [file, ...rest] = process.argv.slice(2)
const node = setUp()
// Compiled once for all the processes that tests and drills start.
const compiled = resolve(root, 'node_modules/.cache/compiled')
const child = spawn(node, ['--conditions=cloudspot-source', resolve(root, file), ...rest], {
  stdio: 'inherit',
  // What the program starts in its turn finds the same Node.
  env: { NODE_COMPILE_CACHE: compiled, ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
})
// The terminal sends Ctrl-C to both; a supervisor sends it to this process alone, so that it is passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
