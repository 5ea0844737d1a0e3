// npm run build: the JavaScript and declarations of both packages, in their dist folders.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './setup.mjs'

const packages = ['packages/client', 'packages/server']
// What was built of a source that is gone would be published with the rest.
for (const folder of packages) rmSync(join(root, folder, 'dist'), { recursive: true, force: true })
const tsc = join(root, 'node_modules/typescript/bin/tsc')
const { status } = spawnSync(process.execPath, [tsc, '-b', ...packages], { cwd: root, stdio: 'inherit' })
process.exitCode = status ?? 1
