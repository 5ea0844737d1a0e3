import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { root } from './setup.mjs'

const pages = ['.', 'docs', 'docs/decisions', 'interop', 'packages/client', 'packages/server', 'packages/cli'].flatMap(
  (folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
)

test('every link between pages leads somewhere', () => {
  assert.ok(pages.length >= 15)
  for (const page of pages) {
    for (const [, target = ''] of readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      assert.ok(existsSync(resolve(root, dirname(page), target)), `${page} links to ${target}`)
    }
  }
})

test('every file that docs/rules.md and docs/promises.md name is there', () => {
  for (const page of ['docs/rules.md', 'docs/promises.md']) {
    const named = [...readFileSync(join(root, page), 'utf8').matchAll(/`([\w./-]+\/[\w./-]*)`/g)].map(
      ([, path = '']) => path,
    )
    assert.ok(named.length > 5)
    for (const path of named) {
      assert.ok(
        existsSync(join(root, path)) || existsSync(join(root, 'packages/server', path)),
        `${page} names ${path}`,
      )
    }
  }
})
