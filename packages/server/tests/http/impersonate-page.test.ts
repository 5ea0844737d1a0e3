import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import sparticuz from '@sparticuz/chromium'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { createApp } from '../../../../examples/acting-as/app.ts'
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

/** The example of an application, as its page has it: it takes the one-time token, and shows who is behind. */
async function startApplication(server: TestServer) {
  const seen: { line: string; origin: string | undefined; referer: string | undefined }[] = []
  const application = createApp(server.license('crm'), server.url)
  application.on('request', ({ method, url, headers }) => {
    if (url !== '/favicon.ico')
      seen.push({ line: `${method} ${url}`, origin: headers.origin, referer: headers.referer })
  })
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
  const { port } = application.address() as AddressInfo // Of a port, not of a pipe.
  return {
    origin: `http://127.0.0.1:${port}`,
    address: `http://127.0.0.1:${port}/impersonation`,
    seen,
    async [Symbol.asyncDispose]() {
      application.closeAllConnections()
      await new Promise((resolve) => application.close(resolve))
    },
  }
}

type Begun = { id: string; address: string; hash: string }

async function begin(server: TestServer, key: string, reason: string): Promise<Begun> {
  const body = { user: BERT, company: ACME, application: 'crm', reason }
  const begun = await askFor(201, server, key, 'POST /impersonations', { body })
  const { pathname, hash } = new URL(begun.open_url)
  return { id: begun.id, address: `${server.url}${pathname}`, hash }
}

async function openPage(context: BrowserContext): Promise<Page> {
  context.setDefaultTimeout(120_000)
  return context.newPage()
}

test('a supporter opens the address and presses the button; what only looks at it uses nothing up', {
  skip,
}, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  await using application = await startApplication(server)
  const key = await makeKey(server, { name: 'the help desk' })
  await askFor(200, server, key, 'PATCH /applications/crm', { body: { impersonation_url: application.address } })
  const { address, hash } = await begin(server, key, 'Ticket 7')

  // As a chat or a scanner looks at it: the whole page, scripts and all, and again.
  for (const javaScriptEnabled of [false, true, true]) {
    const context = await browser.newContext({ javaScriptEnabled })
    const page = await context.newPage()
    assert.equal((await page.goto(address + hash))?.status(), 200)
    await context.close()
  }
  assert.deepEqual(application.seen, [])

  const context = await browser.newContext()
  const page = await openPage(context)
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
  await page.getByText('the help desk acts as bert@acme.test for ACME').waitFor()
  assert.match((await page.getByRole('status').textContent()) ?? '', /until \d\d:\d\d UTC: Ticket 7$/)
  assert.equal(page.url(), `${application.origin}/`)
  assert.deepEqual(application.seen, [
    { line: 'POST /impersonation', origin: server.url, referer: `${server.url}/` },
    { line: 'GET /', origin: undefined, referer: `${server.url}/` },
  ])
  // Nor do addresses that were asked for have it, nor the history, nor what our page leaves in the browser.
  assert.ok(asked.every((url) => !url.includes(hash.slice(1))))
  await page.goBack()
  await page.getByText('This is over').waitFor()
  assert.equal(page.url(), address)
  const { cookies, origins } = await context.storageState()
  assert.deepEqual([cookies.map(({ name }) => name), origins], [['acting'], []])
  assert.deepEqual(
    faults.filter((fault) => !/status of 404/.test(fault)),
    [],
  )
  await context.close()
})

test('the application shows who is behind it, and whoever leaves or is ended is out with the next click', {
  skip,
}, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  await using application = await startApplication(server)
  const key = await makeKey(server, { name: '<b>help</b>' })
  await askFor(200, server, key, 'PATCH /applications/crm', { body: { impersonation_url: application.address } })
  const context = await browser.newContext()
  const page = await openPage(context)
  const enter = async (): Promise<Begun> => {
    const begun = await begin(server, key, '<img src=x onerror=alert(1)>')
    await page.goto(begun.address + begun.hash)
    await page.getByRole('button', { name: 'Open CRM' }).click()
    await page.getByText('<b>help</b> acts as bert@acme.test').waitFor()
    await page.getByText('<img src=x onerror=alert(1)>').waitFor()
    await page.getByText('create_invoice').waitFor()
    return begun
  }
  const stateOf = async ({ id }: Begun) => (await askFor(200, server, key, `GET /impersonations/${id}`)).state

  const left = await enter()
  assert.equal(await stateOf(left), 'live')
  await page.getByRole('button', { name: 'Leave' }).click()
  await page.getByText('You act as nobody any more').waitFor()
  assert.equal(await stateOf(left), 'over')

  const ended = await enter()
  await askFor(204, server, key, `DELETE /impersonations/${ended.id}`)
  await page.reload()
  await page.getByText('This is over. Begin again.').waitFor()

  // A form from elsewhere is none of the License server's, and uses nothing up.
  const { hash } = await begin(server, key, 'Ticket 8')
  const post = (origin: string) => {
    const headers = { origin, 'content-type': 'application/x-www-form-urlencoded' }
    return fetch(application.address, { method: 'POST', headers, body: `token=${hash.slice(1)}`, redirect: 'manual' })
  }
  assert.equal((await post('https://elsewhere.example')).status, 403)
  assert.equal((await post(server.url)).status, 303)
  assert.equal((await post(server.url)).status, 401)
  await context.close()
})
