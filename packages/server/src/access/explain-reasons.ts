import { writeEnd, writeMoment } from '../domain/day.ts'
import type { LinkName, Refusal } from '../domain/effective.ts'
import { END_OF_TIME } from '../domain/interval.ts'
import { graceEnd, licenseState } from '../domain/license-state.ts'
import { SUPERUSER } from '../domain/tree.ts'
import type { ExplainedUser, Situation } from './explain-facts.ts'

/** The moment that is asked about, and where the house's days begin. */
export type When = { now: number; zone: string }

/** Why not, and what would mend it: both whole sentences. */
export type Reason = { why: string; mend: string }

/** How a colleague would call someone. */
export function callName(user: ExplainedUser): string {
  return user.firstName.trim() || user.email
}

/** One refusal in words. The slug is only needed for the last two. */
export function reasonOf(refusal: Refusal, situation: Situation, slug: string, when: When): Reason {
  const { company, application, who, license, seat } = situation
  const user = callName(who)
  const companys = `${company.name}'s license for ${application.name}`
  const day = (at: number) => writeMoment(at, when.zone)
  switch (refusal) {
    case 'application_off':
      return { why: `${application.name} is switched off, for everyone.`, mend: 'Switch the application on.' }
    case 'user_off':
      return {
        why: `${user}'s account is switched off.`,
        mend: `\`license-server user enable ${who.email}\` switches it on.`,
      }
    case 'company_off':
      return { why: `${company.name} is switched off, for all its members.`, mend: 'Switch the company on.' }
    case 'not_a_member':
      return { why: `${user} is not a member of ${company.name}.`, mend: `Make ${user} a member and give a seat.` }
    case 'membership_off':
      return { why: `${user}'s membership of ${company.name} is switched off.`, mend: 'Switch the membership on.' }
    case 'no_license':
      return { why: `${company.name} has no license for ${application.name}.`, mend: 'Give the company a license.' }
    case 'license_suspended':
      return { why: `${companys} is suspended.`, mend: `Lift the suspension.${datesToo(license, when)}` }
    case 'license_scheduled':
      return { why: `${companys} starts on ${day(license?.startsAt ?? 0)}.`, mend: 'Let it start earlier, or wait.' }
    case 'license_ended':
      return { why: `${companys} ended on ${endOf(license, when)}.`, mend: 'Renew it; seats and grants are kept.' }
    case 'no_seat':
      return { why: `${user} holds no seat for ${application.name} in ${company.name}.`, mend: seatMend(situation) }
    case 'seat_not_started':
      return { why: `${user}'s seat starts on ${day(seat?.startsAt ?? 0)}.`, mend: 'Let it start earlier, or wait.' }
    case 'seat_ended':
      return {
        why: `${user}'s seat ended on ${writeEnd(seat?.endsAt ?? 0, when.zone)}.`,
        mend: 'Give the seat a later end.',
      }
    case 'not_granted':
      return { why: `${slug} is not granted to ${user} at this moment.`, mend: grantMend(situation, slug) }
    case 'not_included':
      return { why: `${companys} does not include ${slug}.`, mend: includeMend(situation, slug) }
  }
}

/** Without its suspension a license may still be out of its time. */
function datesToo(license: Situation['license'], when: When): string {
  const state = license ? licenseState(license, when.now) : 'in_force'
  if (state === 'ended') return ` Renew it too: it ended on ${endOf(license, when)}.`
  return state === 'scheduled' ? ` It starts on ${writeMoment(license?.startsAt ?? 0, when.zone)} only.` : ''
}

function endOf(license: Situation['license'], { zone }: When): string {
  if (!license) return ''
  if (license.graceDays === 0) return writeEnd(license.endsAt, zone)
  const days = license.graceDays === 1 ? 'day' : `${license.graceDays} days`
  return `${writeEnd(license.endsAt, zone)}, and its ${days} of grace on ${writeEnd(graceEnd(license), zone)}`
}

function seatMend({ who, license }: Situation): string {
  const give = `Give ${callName(who)} a seat`
  if (!license || license.seats === null) return `${give}.`
  if (license.seatsHeld < license.seats) return `${give} (${license.seatsHeld} of ${license.seats} are held).`
  const all = license.seats === 1 ? 'The one seat is' : `All ${license.seats} seats are`
  return `${all} held: free one or raise the number, then give it.`
}

function grantMend({ application: { tree }, offered }: Situation, slug: string): string {
  const rank = tree.rankBySlug.get(slug) ?? -1
  const gives = (permission: number) => {
    let step = tree.rankById.get(permission) ?? -1
    while (step >= 0 && step !== rank) step = tree.parents[step] ?? -1
    return step === rank
  }
  const roles = [...new Set(offered.filter((role) => gives(role.permission)).map((role) => role.name))]
  if (roles.length === 0) return 'Grant it.'
  return `Grant it, or ${roles.length === 1 ? 'the role' : 'one of the roles'} ${roles.join(', ')}.`
}

function includeMend({ license }: Situation, slug: string): string {
  const isLeftOut = slug === SUPERUSER && license?.includes === 'all'
  return isLeftOut
    ? `A license for all permissions leaves ${SUPERUSER} out: it must be named.`
    : 'Add it to the license.'
}

/** One link that holds, in words. */
export function holding(link: LinkName, situation: Situation, when: When): string {
  const { who, company, application, membership, license, seat } = situation
  const user = callName(who)
  switch (link) {
    case 'application':
      return `${application.name} is switched on.`
    case 'user':
      return `${user}'s account is switched on.`
    case 'company':
      return `${company.name} is switched on.`
    case 'membership': {
      const as = membership?.role === 'admin' ? 'an admin' : 'a member'
      return `${user} is ${as} of ${company.name}, since ${writeDay(membership?.joinedAt ?? 0, when)}.`
    }
    case 'license':
      return `${company.name} has a license for ${application.name}${licenseEnd(license, when)}.`
    case 'seat':
      return `${user} holds a seat${until(seat?.endsAt ?? END_OF_TIME, when)}.`
  }
}

function licenseEnd(license: Situation['license'], when: When): string {
  if (!license || license.endsAt === END_OF_TIME) return ' without an end'
  if (licenseState(license, when.now) === 'in_force') return until(license.endsAt, when)
  return `, which ended on ${writeEnd(license.endsAt, when.zone)} and is in its days of grace until ${writeEnd(graceEnd(license), when.zone)}`
}

/** The day of something that happened: the hour is of no interest. */
export function writeDay(at: number, { zone }: When): string {
  return writeMoment(at, zone).replace(/ at \d\d:\d\d$/, '')
}

/** ` until 31 December 2026`, or nothing. */
export function until(endsAt: number, { zone }: When): string {
  return endsAt === END_OF_TIME ? '' : ` until ${writeEnd(endsAt, zone)}`
}
