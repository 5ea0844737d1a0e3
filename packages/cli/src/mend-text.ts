import type { Decision, MendingCall } from 'cloudspot-license-api/admin'

/** What would mend it, as commands to type. */
export function mendLines(decision: Decision): string[] {
  return decision.mend.map((call) => commandFor(call, decision) ?? callLine(call))
}

/** By the noun that the call changes. Undefined for what a newer server may tell. */
function commandFor({ path, body }: MendingCall, decision: Decision): string | undefined {
  const { user, company, application } = decision
  const where = `${word(company.name)} ${application.id}`
  const [, noun = '', , part, , more] = path.split('/')
  const set = (name: string, what: string) => `cloudspot-license ${name} set ${what}`
  if (noun === 'applications') return set('application', `${application.id} --active`)
  if (noun === 'users') return set('user', `${user.email} --active`)
  if (noun !== 'companies') return undefined
  if (part === undefined) return set('company', `${word(company.name)} --active`)
  if (part === 'members' && more === 'grants')
    return `cloudspot-license grant add ${user.email} ${where} ${decision.permission}`
  if (part === 'members')
    return 'user' in body
      ? `cloudspot-license member add ${user.email} ${word(company.name)}`
      : set('member', `${user.email} ${word(company.name)} --active`)
  if (part === 'seats') return seat(body, `${user.email} ${where}`)
  if (part === 'licenses') return license(body, where)
  return undefined
}

function seat(body: MendingCall['body'], where: string): string {
  if ('starts_at' in body) return `cloudspot-license seat set ${where} --from none`
  if ('ends_at' in body) return `cloudspot-license seat set ${where} --until none`
  return `cloudspot-license seat add ${where}`
}

function license(body: MendingCall['body'], where: string): string {
  if ('application' in body) return `cloudspot-license license add ${where}`
  const set = `cloudspot-license license set ${where}`
  if ('suspended' in body) return `${set} --no-suspended`
  if ('from' in body) return `${set} --from none`
  if ('until' in body) return `${set} --until none`
  return `${set} --permission ${(body.permissions as string[]).join(',')}`
}

/** As a shell takes it for one word. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function callLine({ method, path, body }: MendingCall): string {
  return `${method} ${path} ${JSON.stringify(body)}`
}
