import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('the demo shows a sign-in by company, a right that is taken away, the event of it, and what is refused, and ends by itself', () => {
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
    /CRM is told after \d+ ms, signed: permissions\.updated\n/,
    /anna@acme\.test at ACME, without create_invoice, list_invoices\n +now edit_customer, list_customers, use_app/,
    /forged signature is refused/,
    /create invoices at ACME, in the same session\? No\./,
    /a wrong password +BadCredentials: /,
    /a dead token +NoValidToken: /,
    /no company \(gina\) +NoAccess: /,
  ]) {
    assert.match(done.stdout, line)
  }
  assert.doesNotMatch(done.stdout, /clt_[0-9A-Za-z]{20}/, 'a token is not shown whole')
  assert.doesNotMatch(done.stdout, /clk_[0-9A-Za-z]{8}|whsec_/)
})
