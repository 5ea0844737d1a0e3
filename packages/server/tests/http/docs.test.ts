import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import sparticuz from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'
import { openapiFile } from '../../../../tools/write-openapi.ts'
import { MANAGED_HOUSE, makeKey } from '../support/admin.ts'
import { startServer } from '../support/server.ts'

// npm's Chromium is built for this platform only.
const skip = process.platform === 'linux' && process.arch === 'x64' ? false : 'needs Linux on x64'
const FILES = ['', 'docs.js', 'docs.css', 'swagger-ui.css', 'swagger-ui-bundle.js', 'favicon.png']

let browser: Browser

before(async () => {
  if (skip) return
  // Not with the package's own arguments, which switch off what browsers hold pages to.
  browser = await chromium.launch({ executablePath: await sparticuz.executablePath(), args: ['--no-sandbox'] })
})
after(() => browser?.close())

test('the pages are closed to everything that is not ours', async () => {
  await using server = await startServer('sqlite')
  for (const file of FILES) {
    const { status, headers } = await fetch(`${server.url}/docs/${file}`)
    assert.equal(status, 200, file)
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe|https?:|\*/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
  }
  for (const file of ['../package.json', '%2e%2e%2fpackage.json', 'swagger-ui.js', 'index.html', 'docs.js/x'])
    assert.equal((await fetch(`${server.url}/docs/${file}`)).status, 404, file)
  const { status, headers } = await fetch(`${server.url}/docs?x=1`, { redirect: 'manual' })
  assert.deepEqual([status, headers.get('location')], [302, 'docs/'])
})

test('a person reads the calls, tries one with a key, and nothing of it is kept or told elsewhere', {
  skip,
}, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const key = await makeKey(server)
  const context = await browser.newContext()
  context.setDefaultTimeout(120_000)
  const page = await context.newPage()
  const [asked, faults]: [string[], string[]] = [[], []]
  page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`))
  page.on('console', (message) => faults.push(message.text()))
  page.on('pageerror', (error) => faults.push(String(error)))
  await page.addInitScript({
    content: "addEventListener('securitypolicyviolation', (event) => console.error('refused', event.blockedURI))",
  })
  await page.goto(`${server.url}/docs`)
  await page.locator('.opblock').first().waitFor()
  const { paths } = JSON.parse(readFileSync(openapiFile, 'utf8')) as { paths: Record<string, object> }
  assert.equal(
    await page.locator('.opblock').count(),
    Object.values(paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0),
  )

  const whoami = page.locator('.opblock', { hasText: '/api/v1/admin/whoami' })
  await whoami.locator('.opblock-summary-control').click()
  const execute = async () => {
    const answer = page.waitForResponse((response) => response.url().endsWith('/whoami'))
    await whoami.locator('.execute').click()
    return (await answer).status()
  }
  await whoami.locator('.try-out__btn').click()
  assert.equal(await execute(), 401)
  await page.locator('.btn.authorize').click()
  const apiKey = page.locator('.auth-container', { hasText: 'http, Bearer' })
  await apiKey.locator('input').fill(key)
  await apiKey.locator('button.authorize').click()
  await page.locator('.modal-ux button.close-modal').click()
  assert.equal(await execute(), 200)
  await whoami.locator('.live-responses-table', { hasText: '"power": "operator"' }).waitFor()

  assert.deepEqual(await context.storageState(), { cookies: [], origins: [] })
  assert.equal(await page.evaluate('sessionStorage.length'), 0)
  const foreign = asked.filter((line) => !line.includes(` ${server.url}/`))
  assert.deepEqual(foreign, [])
  assert.ok(asked.every((line) => !line.includes(key)))
  // The browser's own word for the answer that was refused.
  assert.deepEqual(
    faults.filter((fault) => !/status of 401/.test(fault)),
    [],
  )
  await page.reload()
  await page.locator('.opblock').first().waitFor()
  assert.equal(await page.locator('.btn.authorize.locked').count(), 0)
  await context.close()
})

test('the page says in words when the description is not there', { skip }, async () => {
  await using server = await startServer('sqlite')
  const page = await browser.newPage()
  await page.route('**/openapi.json', (route) => route.fulfill({ status: 503, body: '' }))
  await page.goto(`${server.url}/docs/`)
  await page.getByText('The description could not be shown: it was answered with 503').waitFor()
  await page.close()
})
