// docs/first-house.md, word by word: a newcomer's two terminals, in a folder that stands for the checkout's.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { freePort } from './free-port.ts'
import { matches, readBlocks, Shell, stepsOf } from './page.ts'
import { root } from './setup.mjs'

const blocks = readBlocks('docs/first-house.md')
const hasCurl = spawnSync('curl', ['--version']).status === 0

/** A checkout of its own, but for the source, which is this one's: its data and the page's files lie in a folder of their own. */
function makeCheckout(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'license-first-house-'))
  copyFileSync(join(root, 'package.json'), join(path, 'package.json'))
  for (const name of ['tools', 'node_modules']) symlinkSync(join(root, name), join(path, name))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

test('a first house is made as its page says', { skip: hasCurl ? false : 'needs a shell and curl' }, async () => {
  using checkout = makeCheckout()
  const port = String(await freePort())
  const { HOME, LANG, NODE_COMPILE_CACHE } = process.env
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
  const env = { PATH, HOME, LANG, NODE_COMPILE_CACHE }
  const here = (text: string) => text.replaceAll('8000', port)
  using first = new Shell(checkout.path, { ...env, LICENSE_PORT: port })
  using second = new Shell(checkout.path, { ...env, LICENSE_SERVER: `http://localhost:${port}` })

  let typed = 0
  for (const { kind, text } of blocks) {
    const [, file] = /^json (\S+)$/.exec(kind) ?? []
    if (file !== undefined) writeFileSync(join(checkout.path, file), text)
    for (const { command, expected } of kind.startsWith('console') ? stepsOf(text) : []) {
      typed++
      if (kind === 'console first terminal') {
        await first.start(command, here(expected))
        continue
      }
      const printed = await second.type(here(command))
      assert.ok(matches(printed, here(expected)), `$ ${command}\nprinted:\n${printed}\nthe page says:\n${expected}`)
    }
  }
  assert.ok(typed >= 20)
})

test('every block of the page is a file of it or is typed', () => {
  const others = blocks.filter(({ kind }) => !/^json \S+$|^console( first terminal)?$/.test(kind))
  assert.deepEqual(others, [])
})
