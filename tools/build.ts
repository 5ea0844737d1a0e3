// npm run build: what the packages publish, in their dist folders.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundleServer } from './bundle.ts'
import { root } from './setup.mjs'

// What was built of a source that is gone would be published with the rest.
for (const name of ['client', 'cli']) rmSync(join(root, 'packages', name, 'dist'), { recursive: true, force: true })
const tsc = join(root, 'node_modules/typescript/bin/tsc')
const { status } = spawnSync(process.execPath, [tsc, '-b', 'packages/client', 'packages/server', 'packages/cli'], {
  cwd: root,
  stdio: 'inherit',
})
if (status === 0) await bundleServer(join(root, 'packages/server/dist'))
process.exitCode = status ?? 1
