import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('the demo shows a sign-in by company and what is refused, and ends by itself', () => {
  const script = fileURLToPath(new URL('run.ts', import.meta.url))
  const done = spawnSync(process.execPath, ['--conditions=cloudspot-source', script, '--once'], { encoding: 'utf8' })
  assert.equal(done.stderr, '')
  assert.equal(done.status, 0)
  for (const line of [
    /Anna Ames, anna@acme\.test, at ACME/,
    /ACME {7}create_invoice, edit_customer, list_customers, list_invoices, use_app/,
    /Globex {5}approve_invoice, list_invoices, use_app/,
    /create invoices at ACME\? Yes\./,
    /at Globex\? No\./,
    /a wrong password +BadCredentials: /,
    /a dead token +NoValidToken: /,
    /no company \(gina\) +NoAccess: /,
  ]) {
    assert.match(done.stdout, line)
  }
  assert.doesNotMatch(done.stdout, /clt_[0-9A-Za-z]{20}/, 'a token is not shown whole')
})
