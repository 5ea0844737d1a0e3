import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { BadCredentials, CloudspotLicenseAPI, NoValidToken, User } from 'cloudspot-license-api'
import { APPLICATION, EMAIL, FORMS, type Form, firstCompanyId, type House, PASSWORD, startHouse } from './house.ts'
import { send, startServer } from './stand-in.ts'

async function start(t: TestContext, form: Form): Promise<{ house: House; api: CloudspotLicenseAPI }> {
  const house = await startHouse(t, form)
  return { house, api: new CloudspotLicenseAPI(APPLICATION, { baseUrl: house.url }) }
}

for (const form of FORMS) {
  const acme = firstCompanyId(form)

  test(`${form}: constructed with the application's id, it has no token, no permissions and an empty user`, async (t) => {
    const { api } = await start(t, form)
    assert.equal(api.token, null)
    assert.deepEqual([...api.permissions.items()], [])
    assert.ok(api.user instanceof User)
    assert.deepEqual(api.user, new User())
    assert.deepEqual([api.user.firstName, api.user.lastName, api.user.email, api.user.company], ['', '', '', null])
  })

  test(`${form}: after authenticate there are token and permissions, one by one`, async (t) => {
    const { house, api } = await start(t, form)
    await api.authenticate(EMAIL, PASSWORD)
    assert.ok(api.token !== null && house.tokens.has(api.token))
    const slugs = []
    for (const item of api.permissions.items()) if (item.companyId === acme) slugs.push(item.permission)
    assert.deepEqual(slugs, ['use_app', 'list_invoices', 'create_invoice'])
  })

  test(`${form}: a wrong password is BadCredentials, and forgets who was there before`, async (t) => {
    const { api } = await start(t, form)
    await api.authenticate(EMAIL, PASSWORD)
    await assert.rejects(api.authenticate(EMAIL, 'wrong'), BadCredentials)
    assert.equal(api.token, null)
    assert.equal(api.permissions.isEmpty, true)
    assert.deepEqual(api.user, new User())
  })

  test(`${form}: the user is filled by getUser, after a sign-in or with a token`, async (t) => {
    const { house, api } = await start(t, form)
    await api.authenticate(EMAIL, PASSWORD)
    assert.equal(await api.getUser(), api.user)
    assert.deepEqual([api.user.firstName, api.user.lastName, api.user.email], ['Anna', 'Ames', EMAIL])
    assert.equal(api.user.company?.name, 'ACME')

    const other = new CloudspotLicenseAPI(APPLICATION, { baseUrl: house.url })
    await other.getUser(api.token)
    assert.equal(other.user.email, EMAIL)
    assert.equal(other.token, api.token)

    const third = new CloudspotLicenseAPI(APPLICATION, { baseUrl: house.url, token: api.token })
    await third.getPermissions()
    await third.getUser()
    assert.equal(third.user.company?.name, 'ACME')
  })

  test(`${form}: without a token, or with a dead one, there is NoValidToken`, async (t) => {
    const { house, api } = await start(t, form)
    await assert.rejects(api.getUser(), NoValidToken)
    await assert.rejects(api.getPermissions(), NoValidToken)
    await assert.rejects(api.getCompanyPermissions(acme), NoValidToken)
    assert.equal(house.seen.length, 0)
    await assert.rejects(api.getUser('clt_dead'), NoValidToken)
    await assert.rejects(api.getPermissions('clt_dead'), NoValidToken)
    await assert.rejects(api.getCompanyPermissions(acme, 'clt_dead'), NoValidToken)
    await assert.rejects(api.getUser(''), NoValidToken)
    assert.deepEqual(api.user, new User())
  })

  test(`${form}: one company's permissions are a list of slugs`, async (t) => {
    const { house, api } = await start(t, form)
    await api.authenticate(EMAIL, PASSWORD)
    assert.deepEqual(await api.getCompanyPermissions(acme), house.companies[0]?.permissions)
    await assert.rejects(api.getCompanyPermissions('none'), { name: 'CompanyNotAccessible' })
  })
}

test('a token of another user never leaves the first one’s permissions behind', async (t) => {
  const { api } = await start(t, 'rich')
  await api.authenticate(EMAIL, PASSWORD)
  assert.equal(api.permissions.has('create_invoice', 'acme-id'), true)
  await assert.rejects(api.getUser('clt_of_somebody_else'), NoValidToken)
  assert.equal(api.permissions.has('create_invoice', 'acme-id'), false)
  assert.deepEqual(api.user, new User())
})

test('the token in use may be named; nothing is forgotten then', async (t) => {
  const { api } = await start(t, 'rich')
  await api.authenticate(EMAIL, PASSWORD)
  await api.getUser(api.token)
  await api.getUser(null)
  assert.equal(api.permissions.has('create_invoice', 'acme-id'), true)
})

test('the sign-in begun last is the one that counts', async (t) => {
  const release: (() => void)[] = []
  const server = await startServer(t, ({ body }, response) => {
    const { username } = JSON.parse(body)
    const answer = { token: `clt_${username}`, permissions: [{ company_id: username, permissions: ['use_app'] }] }
    if (username === 'late') send(response, 200, answer)
    else release.push(() => send(response, 200, answer))
  })
  const api = new CloudspotLicenseAPI(APPLICATION, { baseUrl: server.url })
  const early = api.authenticate('early', PASSWORD)
  while (release.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await api.authenticate('late', PASSWORD)
  release[0]?.()
  await early
  assert.equal(api.token, 'clt_late')
  assert.equal(api.permissions.has('use_app', 'early'), false)
})

test('test mode means localhost:8000; an address is required otherwise', async () => {
  const urls: string[] = []
  const api = new CloudspotLicenseAPI(APPLICATION, {
    testMode: true,
    fetch: async (url) => {
      urls.push(url)
      return Response.json({ token: 'clt_1', permissions: [{ company_id: 'a', permissions: ['use_app'] }] })
    },
  })
  await api.authenticate(EMAIL, PASSWORD)
  assert.deepEqual(urls, ['http://localhost:8000/api/v1/auth/authenticate/'])
  assert.throws(() => new CloudspotLicenseAPI(APPLICATION, {}), /baseUrl is missing/)
})

test('after sign-out it is as new', async (t) => {
  const { house, api } = await start(t, 'rich')
  await api.authenticate(EMAIL, PASSWORD)
  await api.signOut()
  assert.equal(house.tokens.size, 0)
  assert.equal(api.token, null)
  assert.equal(api.permissions.isEmpty, true)
  await api.signOut() // nobody is signed in: nothing to do
})
