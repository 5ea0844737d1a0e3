import type { ManifestPlan } from 'cloudspot-license-api/admin'
import type { Painter, Style } from './output/style.ts'

type Change = ManifestPlan['changes'][number]
type Person = ManifestPlan['loses'][number]
type Told = { mark: string; style: Style; what: string; how: string }

/** A plan as a person reads it: what changes, who loses and gains, what is in the way. */
export function planLines(plan: ManifestPlan, paint: Painter): string[] {
  if (plan.changes.length === 0 && plan.refused.length === 0)
    return [`${plan.application} is as the manifest says: there is nothing to do.`]
  const told = plan.changes.map(tellChange)
  const width = Math.max(0, ...told.map(({ what }) => what.length))
  return [
    `Changes to ${plan.application}:`,
    ...told.map(({ mark, style, what, how }) => `  ${paint(style, mark)} ${`${what.padEnd(width)}  ${how}`.trimEnd()}`),
    ...people('Lose', plan.loses, plan.people.loses),
    ...people('Gain', plan.gains, plan.people.gains),
    ...unseen(plan),
    ...licensesWithout(plan),
    ...refused(plan, paint),
  ]
}

function tellChange(change: Change): Told {
  const permission = change.permission ?? ''
  const role = `role ${change.role ?? ''}${change.company === undefined ? '' : ` of company ${change.company}`}`
  const fields = (change.fields ?? []).join(' and ')
  const told = (mark: string, style: Style, what: string, how = ''): Told => ({ mark, style, what, how })
  switch (change.change) {
    case 'permission_added':
      return told('+', 'green', permission, needs(change.to))
    case 'permission_removed':
      return told('-', 'red', permission, uses(change))
    case 'permission_renamed':
      return told('→', 'yellow', change.to ?? permission, `was ${change.from}; whoever has it keeps it`)
    case 'permission_moved':
      return told('↳', 'yellow', permission, `${needs(change.to)}, before ${needs(change.from)}`)
    case 'permission_changed':
      return told('~', 'yellow', permission, `another ${fields}`)
    case 'permission_deprecated':
      return told('~', 'yellow', permission, 'deprecated: stays effective, and is shown as going')
    case 'permission_undeprecated':
      return told('~', 'yellow', permission, 'no longer deprecated')
    case 'operator_only_set':
      return told('~', 'yellow', permission, 'only operators give it from now on')
    case 'operator_only_loosened':
      return told('~', 'red', permission, 'no longer only operators give it')
    case 'operator_only_mark_changed':
      return told('~', 'yellow', permission, 'its own mark "operator_only"; by what it needs, nothing changes')
    case 'role_added':
      return told('+', 'green', role, list(change.added))
    case 'role_removed':
      return told('-', 'red', role)
    case 'role_renamed':
      return told('→', 'yellow', role, `was ${change.from}; whoever has it keeps it`)
    case 'role_changed':
      return told('~', 'yellow', role, roleChange(change, fields))
    default:
      // A newer server may know more.
      return told('~', 'yellow', permission || role, change.change)
  }
}

function needs(slug: string | null | undefined): string {
  return slug ? `needs ${slug}` : 'needs nothing'
}

function uses({ uses: of }: Change): string {
  if (!of) return ''
  const parts = [count(of.grants, 'grant'), count(of.roles, 'role'), count(of.licenses, 'license')]
  const named = parts.filter((part) => !part.startsWith('0 '))
  return named.length === 0 ? 'nobody has it' : `goes out of ${named.join(', ')}`
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}

function list(slugs: readonly string[] | undefined): string {
  return (slugs ?? []).join(', ')
}

function roleChange({ added, removed }: Change, fields: string): string {
  const parts = [
    fields === '' ? '' : `another ${fields}`,
    added && added.length > 0 ? `also ${list(added)}` : '',
    removed && removed.length > 0 ? `no longer ${list(removed)}` : '',
  ]
  return parts.filter((part) => part !== '').join('; ')
}

const SHOWN = 20

function people(verb: string, some: readonly Person[], all: number): string[] {
  if (all === 0) return []
  const shown = some.slice(0, SHOWN)
  const heading = `${verb} something: ${count(all, 'person').replace('persons', 'people')}`
  return [
    '',
    `${heading}${all > shown.length ? `, the first ${shown.length}` : ''}`,
    ...shown.map(({ user, company, permissions }) => {
      return `  ${user.email ?? user.id}  ${company.name ?? company.id}  ${permissions.join(', ')}`
    }),
  ]
}

function unseen({ people: { not_looked_at: number } }: ManifestPlan): string[] {
  return number === 0 ? [] : ['', `${number} seats more were not looked at: so many more may lose or gain.`]
}

function licensesWithout({ licenses_without: some, licenses_without_total: all }: ManifestPlan): string[] {
  if (all === 0) return []
  const shown = some.slice(0, SHOWN)
  return [
    '',
    `Licenses that leave something new out: ${all}${all > shown.length ? `, the first ${shown.length}` : ''}`,
    ...shown.map(({ company, permissions }) => `  ${company.name ?? company.id}  ${permissions.join(', ')}`),
  ]
}

function refused({ refused: all }: ManifestPlan, paint: Painter): string[] {
  if (all.length === 0) return []
  return [
    '',
    paint('red', 'It can not be applied like this:'),
    ...all.map(({ message }) => `  ${message}`),
    ...(all.some(({ because }) => because === 'in_use')
      ? ['Deprecate it first, or add --allow-removals to take it from everybody.']
      : []),
  ]
}
