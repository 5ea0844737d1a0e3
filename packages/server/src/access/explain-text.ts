import { writeEnd, writeMoment } from '../domain/day.ts'
import { firstRefusal, type Refusal } from '../domain/effective.ts'
import { graceEnd, licenseState } from '../domain/license-state.ts'
import { ROOT, SUPERUSER } from '../domain/tree.ts'
import { type ExplainedUser, pathsOfRevoked, type Situation, type Told } from './explain-facts.ts'
import { callName, holding, type Reason, reasonOf, until, type When, writeDay } from './explain-reasons.ts'
import type { StoredGrant } from './explain-store.ts'

/** All that is told of one user in one company and application, `use_app` first. */
export type Chapter = { situation: Situation; told: readonly Told[] }

/** `isWhole`: nothing narrowed the question, so that the chapters are all there is to tell of the user. */
export type Telling = { when: When; isWhole: boolean; isMember: boolean }

/** One user, as one would answer a colleague. */
export function explainUser(user: ExplainedUser, chapters: readonly Chapter[], telling: Telling): string[] {
  const lines = [headOf(user), ...standing(user, chapters, telling).map((sentence) => `  ${sentence}`)]
  for (const chapter of chapters) lines.push('', ...explainChapter(chapter, telling.when))
  return lines
}

function headOf(user: ExplainedUser): string {
  return `${user.firstName} ${user.lastName} <${user.email}>`.trimStart().replace(/ {2,}/g, ' ')
}

function standing(user: ExplainedUser, chapters: readonly Chapter[], telling: Telling): string[] {
  const name = callName(user)
  const sentences: string[] = []
  if (!user.isActive) {
    sentences.push(
      `${name} can not sign in anywhere: the account is switched off. \`license-server user enable ${user.email}\` switches it on.`,
    )
  }
  if (!user.hasPassword) {
    sentences.push(
      `${name} can not sign in without a password. \`license-server user set-password ${user.email}\` gives one.`,
    )
  }
  // Whoever can't sign in at all is told so once.
  const elsewhere = user.isActive && (user.hasPassword || !telling.isMember) ? signIn(name, chapters, telling) : ''
  if (elsewhere) sentences.push(elsewhere)
  if (user.isOperator) sentences.push(`${name} is an operator, who may run this whole server.`)
  return sentences
}

function signIn(name: string, chapters: readonly Chapter[], { when, isWhole, isMember }: Telling): string {
  if (!isMember)
    return `${name} can not sign in anywhere: no company has ${name} as a member. Make ${name} a member of one, and give a seat.`
  if (!isWhole) return ''
  if (chapters.length === 0)
    return `${name} can not sign in anywhere: none of the companies has a license for any application.`
  const usable = chapters.filter(({ situation }) => firstRefusal(situation, when.now) === null)
  if (usable.length === 0) return `${name} can not sign in anywhere, and here is why.`
  return `${name} can sign in to ${list([...new Set(usable.map(({ situation }) => situation.application.name))])}.`
}

/** `CRM, Stock and Time` */
function list(items: readonly string[]): string {
  return items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

function explainChapter({ situation, told }: Chapter, when: When): string[] {
  const { application, company, who } = situation
  const name = callName(who)
  const refusals = told[0] ? refusalsOf(told[0]) : []
  const title = `  ${application.name} in ${company.name}`
  const inForce = told.filter((each) => isGivenNow(each) && each.explanation.isIncluded)
  if (refusals.length > 0) {
    const [first, ...more] = refusals.map((refusal) => why(refusal, situation, when))
    const besides = more.map((reason) => `    Besides${reason.replace(/^\. /, ': ')}`)
    const waiting = inForce.filter((each) => each.explanation.slug !== ROOT)
    const heading = waiting.length > 0 ? [`    ${name} would then have:`] : []

    return [`${title}: no${first}`, ...besides, ...heading, ...waiting.map((each) => line(each, when))]
  }
  const lines = [
    `${title}: yes, ${name} may use it.${graceNote(situation, when)}`,
    ...inForce.map((each) => line(each, when)),
  ]
  const others = told.filter((each) => !inForce.includes(each))
  if (others.length > 0) lines.push('    Not in effect:', ...others.map((each) => refusedLine(each, when)))
  return lines
}

/** Every link that fails. That someone who is no member holds no seat goes without saying. */
function refusalsOf({ explanation }: Told): Refusal[] {
  const refusals = explanation.links.flatMap((link) => link.refusal ?? [])
  return refusals.includes('not_a_member') ? refusals.filter((refusal) => refusal !== 'no_seat') : refusals
}

/** What mends an account that is switched off is said once, above. */
function why(refusal: Refusal, situation: Situation, when: When): string {
  return refusal === 'user_off'
    ? ', because the account is switched off.'
    : `. ${sentence(reasonOf(refusal, situation, ROOT, when))}`
}

function sentence({ why, mend }: Reason): string {
  return `${why} ${mend}`
}

function graceNote({ company, license }: Situation, when: When): string {
  if (!license || licenseState(license, when.now) !== 'in_grace') return ''
  const ended = writeEnd(license.endsAt, when.zone)
  return ` ${company.name}'s license ended on ${ended}; its days of grace last until ${writeEnd(graceEnd(license), when.zone)}.`
}

/** Whether the seat or a grant gives it, whatever the license includes. */
function isGivenNow({ explanation }: Told): boolean {
  return explanation.slug === ROOT || explanation.paths.some((path) => path.phase === 'in_force')
}

function line(told: Told, when: When): string {
  const superuser =
    told.explanation.slug === SUPERUSER ? ' Existing Django sites read this as "may do everything".' : ''
  return `    - ${told.explanation.slug}: ${givenThrough(told, when)}.${superuser}${isGoing(told) ? ' It is deprecated.' : ''}`
}

function isGoing({ situation, explanation }: Told): boolean {
  return situation.application.deprecated.has(explanation.slug)
}

/** Through what a permission comes, as a sentence without its full stop. */
function givenThrough(told: Told, when: When): string {
  const { situation, explanation } = told
  if (explanation.slug === ROOT)
    return `${callName(situation.who)} holds a seat${until(situation.seat?.endsAt ?? 0, when)}`
  const paths = explanation.paths.filter((path) => path.phase === 'in_force')
  const itself = paths.filter((path) => path.slugs.length === 1)
  if (itself.length > 0) return itself.map((path) => giver(path.grant, situation, when)).join('; and ')
  return `needed by ${list(needers(paths))}`
}

function needers(paths: readonly { slugs: readonly string[] }[]): string[] {
  return [...new Set(paths.flatMap((path) => path.slugs.at(-2) ?? []))]
}

/** `through the role Clerk, which the house file gave Anna on 1 May 2026`, with reason and end. */
function giver(grant: StoredGrant, { who, company, application }: Situation, when: When): string {
  if (grant.through.kind === 'license_role') {
    return `through the role ${grant.role?.name}, which ${company.name}'s license for ${application.name} gives to every seat`
  }
  const reason = grant.reason === '' ? '' : ` ("${grant.reason}")`
  const given = `on ${writeDay(grant.givenAt, when)}${until(grant.endsAt, when)}${reason}`
  if (grant.through.kind === 'direct') return `${grant.givenBy} gave it to ${callName(who)} directly, ${given}`
  return `through the role ${grant.role?.name}, which ${grant.givenBy} gave ${callName(who)} ${given}`
}

function refusedLine(told: Told, when: When): string {
  const { situation, explanation } = told
  const { slug } = explanation
  if (!isGivenNow(told)) return `    - ${slug}: ${outOfTime(told, when).join('; ')}.`
  const { mend } = reasonOf('not_included', situation, slug, when)
  return `    - ${slug}: ${givenThrough(told, when)}; but ${situation.company.name}'s license does not include it. ${mend}`
}

/** Grants of the past and of the future, and those that were taken away. */
function outOfTime(told: Told, when: When): string[] {
  const dated = told.explanation.paths
    .filter((path) => path.phase !== 'in_force')
    .map(({ grant, phase, slugs }) => {
      const hasEnded = phase === 'ended'
      const time = hasEnded
        ? `until ${writeEnd(grant.endsAt, when.zone)}`
        : `from ${writeMoment(grant.startsAt, when.zone)}`
      return `${came(grant, slugs, hasEnded)} ${time}`
    })
  const revoked = pathsOfRevoked(told).map(
    ({ grant, slugs }) => `${came(grant, slugs, true)} and was taken away on ${writeDay(grant.revokedAt ?? 0, when)}`,
  )
  return [...new Set([...dated, ...revoked])]
}

/** `came through the role Clerk`, `needed by create_invoice, which is granted` */
function came(grant: StoredGrant, slugs: readonly string[], isPast: boolean): string {
  const needed = slugs.length > 1 ? `needed by ${slugs[0]}, which ` : ''
  if (grant.through.kind === 'direct') return `${needed}${isPast ? 'was' : 'is'} granted`
  return `${needed}${isPast ? 'came' : 'comes'} through the role ${grant.role?.name}`
}

/** One decision with its whole chain, and what would mend it. */
export function explainDecision(told: Told, when: When): string[] {
  const { situation, explanation } = told
  const { slug } = explanation
  const name = callName(situation.who)
  const answer = explanation.allowed ? `yes, ${name} has` : `no, ${name} does not have`
  const lines = [
    `${headOf(situation.who)}: ${answer} ${slug} (${situation.application.name} in ${situation.company.name}).`,
  ]
  for (const { name: link, refusal } of explanation.links) {
    lines.push(
      refusal ? `  ✗ ${reasonOf(refusal, situation, slug, when).why}` : `  ✓ ${holding(link, situation, when)}`,
    )
  }
  if (isGoing(told)) lines.push('  It is deprecated: it holds where it was given, and is going.')
  const missing = refusalsOf(told)
  if (slug !== ROOT) {
    lines.push(...grantLines(told, when))
    if (!isGivenNow(told)) missing.push('not_granted')
    if (situation.license)
      lines.push(
        explanation.isIncluded
          ? '  ✓ The license includes it.'
          : `  ✗ ${reasonOf('not_included', situation, slug, when).why}`,
      )
    if (situation.license && !explanation.isIncluded) missing.push('not_included')
  }
  const mends = missing.map((refusal) => reasonOf(refusal, situation, slug, when).mend)
  if (mends.length > 0) lines.push(`  What would mend it: ${mends.join(' ')}`)
  return lines
}

function grantLines(told: Told, when: When): string[] {
  const { situation, explanation } = told
  if (!isGivenNow(told)) {
    const past = outOfTime(told, when).map((text) => `It ${text.startsWith('needed') ? 'is ' : ''}${text}.`)
    return [`  ✗ ${[reasonOf('not_granted', situation, explanation.slug, when).why, ...past].join(' ')}`]
  }
  const paths = explanation.paths.filter((path) => path.phase === 'in_force')
  return paths.map(({ grant, slugs }) => {
    const given = giver(grant, situation, when)
    return slugs.length === 1 ? `  ✓ Granted: ${given}.` : `  ✓ Granted with ${slugs[0]}, which needs it: ${given}.`
  })
}
