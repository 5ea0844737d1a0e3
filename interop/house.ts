// The house that every release is shown: who belongs where, and what they may do there.

export const acme = { id: '8e0f5c1e-4a57-4a6e-9f0a-000000000001', name: 'ACME' }
export const globex = { id: '8e0f5c1e-4a57-4a6e-9f0a-000000000002', name: 'Globex Ærø & Søn «北»' }
/** Its license has ended. */
const initech = { id: '8e0f5c1e-4a57-4a6e-9f0a-000000000003', name: 'Initech' }
/** It has a license, and none of the people below. */
export const hooli = { id: '8e0f5c1e-4a57-4a6e-9f0a-000000000004', name: 'Hooli' }

export const password = 'correct horse battery staple ☃'

const permissions = [
  { slug: 'list_invoices', name: 'See invoices' },
  { slug: 'create_invoice', name: 'Make invoices', needs: 'list_invoices' },
]

/** Each dialect has its applications, alike but for the id. */
export const dialects = ['v1', 'flat-0.2', 'flat-0.1'] as const
export type Dialect = (typeof dialects)[number]

export function applicationsOf(dialect: Dialect) {
  const of = (id: string) => (dialect === 'v1' ? id : `${id}-${dialect}`)
  return { crm: of('crm'), shop: of('shop'), desk: of('desk'), closed: of('closed') }
}

export const house = {
  companies: [acme, globex, initech, hooli],
  applications: dialects.flatMap((dialect) => {
    const { crm, shop, desk, closed } = applicationsOf(dialect)
    return [
      { id: crm, name: 'CRM', dialect, permissions },
      { id: shop, name: 'Shop', dialect, permissions },
      { id: desk, name: 'Service desk, which works with pins', dialect, exposes_pin: true, permissions },
      { id: closed, name: 'Switched off', dialect, active: false, permissions },
    ]
  }),
  licenses: dialects.flatMap((dialect) => {
    const applications = applicationsOf(dialect)
    const { crm } = applications
    return [
      ...Object.values(applications).map((application) => ({ company: acme.id, application, from: '2020-01-01' })),
      { company: globex.id, application: crm, from: '2020-01-01' },
      { company: initech.id, application: crm, from: '2020-01-01', until: '2020-12-31' },
      { company: hooli.id, application: crm, from: '2020-01-01' },
    ]
  }),
}

/** Each release has its own people, so that what one does to them, or fails to do, shows in no other. */
export function peopleOf(release: string) {
  const at = `${release.replaceAll('.', '-')}.test`
  return {
    anna: { email: `anna@${at}`, first_name: 'Anna', last_name: 'Ångström-Őry', pin: '4711' },
    // The refused attempts are made under her name, so that Anna's sign-ins are never throttled for them.
    wanda: { email: `wanda.of.the.wrong.passwords@${at}`, first_name: 'Wanda', last_name: 'Wrong' },
    nora: { email: `nora.without.company@${at}`, first_name: 'Nora', last_name: 'None' },
    otto: { email: `otto.switched.off@${at}`, first_name: 'Otto', last_name: 'Off' },
    edda: { email: `edda.license.ended@${at}`, first_name: 'Edda', last_name: 'Ended' },
    leon: { email: `leon.leaves.his.company@${at}`, first_name: 'Leon', last_name: 'Leaves' },
    gina: { email: `gina.is.switched.off.later@${at}`, first_name: 'Gina', last_name: 'Gone' },
  }
}

type People = ReturnType<typeof peopleOf>

export function usersOf({ anna, wanda, nora, otto, edda, leon, gina }: People, dialect: Dialect) {
  const applications = applicationsOf(dialect)
  const { crm } = applications
  const invoices = (application: string) => ({ application, permissions: ['create_invoice'] })
  const member = { company: acme.id, primary: true, grants: [invoices(crm)] }
  return [
    {
      ...anna,
      password,
      companies: [
        { company: acme.id, primary: true, grants: Object.values(applications).map(invoices) },
        { company: globex.id, grants: [{ application: crm, permissions: [] }] },
      ],
    },
    { ...wanda, password, companies: [member] },
    { ...nora, password, companies: [] },
    { ...otto, password, active: false, companies: [member] },
    { ...edda, password, companies: [{ company: initech.id, grants: [invoices(crm)] }] },
    { ...leon, password, companies: [member] },
    { ...gina, password, companies: [member] },
  ]
}
