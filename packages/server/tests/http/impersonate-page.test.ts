import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import sparticuz from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'
import { ACME, askFor, BERT, MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { startServer, type TestServer } from '../support/server.ts'

// npm's Chromium is built for this platform only.
const skip = process.platform === 'linux' && process.arch === 'x64' ? false : 'needs Linux on x64'

let browser: Browser

before(async () => {
  if (skip) return
  browser = await chromium.launch({ executablePath: await sparticuz.executablePath(), args: ['--no-sandbox'] })
})
after(() => browser?.close())

/** An application with a page that takes the one-time token, as its README says. */
async function startApplication(server: TestServer) {
  const seen: { line: string; origin: string | undefined; referer: string | undefined }[] = []
  const application = createServer(async (request, response) => {
    const { method, url, headers } = request
    seen.push({ line: `${method} ${url}`, origin: headers.origin, referer: headers.referer })
    const token = new URLSearchParams(await text(request)).get('token') ?? ''
    const session = await server.license('crm').validateImpersonation(token)
    const { impersonatedBy, username, reason } = session.impersonation ?? assert.fail()
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(`<h1>${username}</h1><p>${impersonatedBy?.name} is behind it: ${reason}</p>`)
  })
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
  const { port } = application.address() as AddressInfo // Of a port, not of a pipe.
  return {
    address: `http://127.0.0.1:${port}/in`,
    seen,
    async [Symbol.asyncDispose]() {
      application.closeAllConnections()
      await new Promise((resolve) => application.close(resolve))
    },
  }
}

test('a supporter opens the address and presses the button; what only looks at it uses nothing up', {
  skip,
}, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  await using application = await startApplication(server)
  const key = await makeKey(server, { name: 'the help desk' })
  await askFor(200, server, key, 'PATCH /applications/crm', { body: { impersonation_url: application.address } })
  const body = { user: BERT, company: ACME, application: 'crm', reason: 'Ticket 7' }
  const begun = await askFor(201, server, key, 'POST /impersonations', { body })
  const { pathname, hash } = new URL(begun.open_url)
  const address = `${server.url}${pathname}`

  // As a chat or a scanner looks at it: the whole page, scripts and all, and again.
  for (const javaScriptEnabled of [false, true, true]) {
    const context = await browser.newContext({ javaScriptEnabled })
    const page = await context.newPage()
    assert.equal((await page.goto(address + hash))?.status(), 200)
    await context.close()
  }
  assert.deepEqual(application.seen, [])

  const context = await browser.newContext()
  context.setDefaultTimeout(120_000)
  const page = await context.newPage()
  const [asked, faults]: [string[], string[]] = [[], []]
  page.on('request', (request) => asked.push(request.url()))
  page.on('console', (message) => faults.push(message.text()))
  page.on('pageerror', (error) => faults.push(String(error)))
  await page.goto(address)
  assert.equal(await page.locator('button').isDisabled(), true)
  await page.getByText('The address lacks its one-time token').waitFor()
  await page.goto('about:blank')
  await page.goto(address + hash)
  const button = page.getByRole('button', { name: 'Open CRM' })
  await button.waitFor()
  assert.equal(page.url(), address)
  await button.click()
  await page.getByText('the help desk is behind it: Ticket 7').waitFor()
  assert.equal(await page.locator('h1').textContent(), 'bert@acme.test')
  assert.equal(page.url(), application.address)
  assert.deepEqual(
    application.seen.filter(({ line }) => line !== 'GET /favicon.ico'),
    [{ line: 'POST /in', origin: server.url, referer: `${server.url}/` }],
  )
  // Nor do addresses that were asked for have it, nor the history, nor what a browser keeps.
  assert.ok(asked.every((url) => !url.includes(hash.slice(1))))
  await page.goBack()
  await page.getByText('This is over').waitFor()
  assert.equal(page.url(), address)
  assert.deepEqual(await context.storageState(), { cookies: [], origins: [] })
  assert.deepEqual(
    faults.filter((fault) => !/status of 404/.test(fault)),
    [],
  )
  await context.close()
})
