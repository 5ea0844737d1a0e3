// Sites with the published Django package, as people meet them: signing in, choosing a company, and what they may do there.
import assert from 'node:assert/strict'
import { acme, emailOf, globex, hooli, idOf, PASSWORD } from './django-house.ts'
import { type Place, testReleases } from './django-places.ts'
import type { Site, Visitor } from './django-site.ts'

const WRONG = ['Email or password incorrect']
/** As HTML has it. */
const GLOBEX = globex.name.replace('&', '&amp;')

testReleases('Django sites, as people meet them', async (t, place) => {
  await using site = await place.start()
  await t.test('people sign in and work for a company', () => signIn(place, site))
  await t.test("there is no page for a company that is not the user's", () => otherCompany(place, site))
  await t.test('without events it asks again at a sign-in and when a company is chosen', () => askAgain(place, site))
  await t.test('a supporter enters as a user', () => impersonate(place, site))
})

async function signIn({ release, row }: Place, site: Site) {
  const anna = emailOf('anna', release)
  const visitor = site.visitor()
  const first = await visitor.open('/')
  assert.deepEqual([first.status, first.to], [302, '/login?next=/'])

  const refusals: [name: string, password: string][] = [
    [anna, 'wrong'],
    [`no.${anna}`, PASSWORD],
    [emailOf('nora', release), PASSWORD],
  ]
  for (const [name, password] of refusals) {
    assert.equal((await visitor.signIn(name, password)).to, '/login', name)
    assert.deepEqual(await visitor.messages(), WRONG, name)
    assert.equal(await visitor.looks(), undefined, name)
  }
  assert.deepEqual(await site.stored(), {})

  assert.equal((await visitor.signIn(anna, PASSWORD)).to, '/auth/select-company')
  assert.equal(await visitor.looks(), undefined)
  const choice = await visitor.open('/auth/select-company')
  const offered = [...choice.text.matchAll(/set-company\/([\w-]+)">([^<]*)</g)].map(([, id, name]) => [id, name])
  assert.deepEqual(offered, [
    [acme.id, acme.name],
    [globex.id, GLOBEX],
  ])

  const inAcme = { user: anna, company: acme.name, mayCreate: true }
  assert.equal((await visitor.choose(acme.id)).to, '/')
  assert.deepEqual(await visitor.looks(), inAcme)
  assert.equal((await visitor.choose(globex.id)).to, '/')
  assert.deepEqual(await visitor.looks(), { user: anna, company: GLOBEX, mayCreate: false })
  const { [anna]: stored } = await site.stored()
  assert.deepEqual(
    [stored?.first_name, stored?.last_name, stored?.email, stored?.companies, stored?.permissions],
    ['Anna', 'Ångström-Őry', anna, [acme.name, globex.name], ['list_invoices', 'use_app']],
  )
  // A site that nobody else's people ever came to doesn't know the company.
  assert.equal((await visitor.choose(hooli.id)).status, 400)
  assert.deepEqual(await visitor.looks(), { user: anna, company: GLOBEX, mayCreate: false })

  const { to } = await site.visitor().signIn(anna.toUpperCase(), PASSWORD)
  // Who is known works on for the same company; a name in capitals is somebody else to some.
  const isNew = row.username === 'as typed'
  assert.equal(to, isNew ? '/auth/select-company' : '/')
  assert.deepEqual(Object.keys(await site.stored()).sort(), isNew ? [anna.toUpperCase(), anna] : [anna])
  assert.deepEqual(site.complaints(), [])
}

async function otherCompany({ release }: Place, site: Site) {
  const [anna, bert] = [emailOf('anna', release), emailOf('bert', release)]
  await site.visitor().enter(anna, PASSWORD, globex.id)
  const visitor = site.visitor()
  await visitor.enter(bert, PASSWORD, acme.id)
  assert.deepEqual(await visitor.looks(), { user: bert, company: acme.name, mayCreate: true })
  // The package lets him in there, with no permission; so the example's pages ask for use_app.
  assert.equal((await visitor.choose(globex.id)).to, '/auth/select-company')
  assert.deepEqual((await site.stored())[bert]?.permissions, [])
  for (const path of ['/', '/invoices/new']) assert.equal((await visitor.open(path)).status, 403, path)
  assert.equal((await visitor.choose(acme.id)).to, '/')
  assert.deepEqual(await visitor.looks(), { user: bert, company: acme.name, mayCreate: true })
}

async function askAgain({ release, give }: Place, site: Site) {
  const carl = emailOf('carl', release)
  const may = { user: carl, company: acme.name, mayCreate: true }
  const signInAgain = async (visitor: Visitor) => {
    await visitor.signOut()
    assert.equal(await visitor.looks(), undefined)
    assert.equal((await visitor.signIn(carl, PASSWORD)).to, '/')
  }
  const visitor = site.visitor()
  await visitor.enter(carl, PASSWORD, acme.id)
  for (const again of [(each: Visitor) => each.choose(acme.id), signInAgain]) {
    assert.deepEqual(await visitor.looks(), may)
    await give(idOf('carl', release), acme.id, 'list_invoices')
    assert.deepEqual(await visitor.looks(), may)
    await again(visitor)
    assert.deepEqual(await visitor.looks(), { ...may, mayCreate: false })
    await give(idOf('carl', release), acme.id, 'create_invoice')
    await visitor.choose(acme.id)
  }
}

async function impersonate({ release, row, application, admin }: Place, site: Site) {
  const gina = emailOf('gina', release)
  const wish = { user: idOf('gina', release), company: acme.id, application, reason: 'Ticket 7' }
  await admin(200, `PATCH /applications/${application}`, { django_url: site.base })
  if (row.impersonation !== 'works') {
    const { code, detail } = await admin(409, 'POST /impersonations', wish)
    assert.equal(code, 'site_not_ready')
    assert.match(detail, /django-cloudspotlicense 5\.\S* or newer is needed there. Nothing was begun/)
    assert.deepEqual((await admin(200, `GET /impersonations?application=${application}`)).items, [])
    return
  }
  const supporter = site.visitor()
  const begin = async (company: string) => (await admin(201, 'POST /impersonations', { ...wish, company })) as Begun
  // Whom the site never saw nobody can be there.
  const early = await supporter.open((await begin(acme.id)).open_url)
  assert.equal(early.status, 400)
  assert.match(early.text, /could not be found/)
  assert.equal(await supporter.looks(), undefined)

  const herself = site.visitor()
  await herself.enter(gina, PASSWORD, acme.id)
  const own = (await site.stored())[gina]?.token
  const begun = await begin(acme.id)
  assert.match(begun.open_url, new RegExp(`^${site.base}/impersonation/[0-9a-f-]{36}$`))
  assert.match(begun.notice.join(' '), /sign out there.*until the user signs in/)
  assert.equal((await supporter.open(begun.open_url)).to, '/')
  const inAcme = { user: gina, company: acme.name, mayCreate: true }
  assert.deepEqual(await supporter.looks(), inAcme)
  const again = site.visitor()
  const second = await again.open(begun.open_url)
  assert.equal(second.status, 400)
  assert.match(second.text, /This one-time token is not valid/)
  assert.equal(await again.looks(), undefined)

  // What can't be undone there: the supporter's token is Gina's, her own session has it too, and it is for one company alone …
  assert.notEqual((await site.stored())[gina]?.token, own)
  assert.equal((await herself.choose(globex.id)).to, '/auth/select-company')
  assert.equal((await herself.open('/')).status, 403)
  // … until it ends, when it is nothing; but the site's session stays.
  await supporter.choose(acme.id)
  await admin(204, `DELETE /impersonations/${begun.id}`)
  assert.deepEqual(await supporter.looks(), inAcme)
  assert.equal((await supporter.choose(acme.id)).to, '/auth/select-company')
  assert.equal((await supporter.open('/')).status, 403)
  // She signs in anew, and all is as before.
  const anew = site.visitor()
  await anew.enter(gina, PASSWORD, acme.id)
  assert.deepEqual(await anew.looks(), inAcme)

  // The package adds what the user may do for this company to what it had stored for the one before, and takes nothing away
  // until the company is chosen again.
  await supporter.open((await begin(globex.id)).open_url)
  const inGlobex = { user: gina, company: GLOBEX, mayCreate: true }
  assert.deepEqual(await supporter.looks(), inGlobex)
  assert.equal((await supporter.choose(globex.id)).to, '/')
  assert.deepEqual(await supporter.looks(), { ...inGlobex, mayCreate: false })
}

/** What the admin API tells of an impersonation into a Django site. */
interface Begun {
  id: string
  open_url: string
  notice: string[]
}
