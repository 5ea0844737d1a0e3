import { createHash, randomBytes } from 'node:crypto'
import { loadAnswer } from '../../access/answer.ts'
import type { Context } from '../../context.ts'
import { findLastToken } from '../../credentials/last-token-store.ts'
import { judgeDjango } from '../../domain/delivery.ts'
import { lastTokenPurpose } from '../../keys/sealed-tokens.ts'
import { findAnnounced } from '../../outbox/announced-store.ts'
import { type DeliveryRow, findFirstWaiting } from '../delivery-store.ts'
import type { EndpointRow } from '../endpoint-store.ts'
import { webhookOf } from '../endpoint-url.ts'
import { findEventOccasion, type Occasion } from '../events.ts'
import { findOccasion } from '../occasion.ts'
import { EMAIL_UPDATED, PIN_UPDATED } from './django-parts.ts'
import type { Message, Nothing } from './message.ts'

type Told = { event: string; data: object; secrets?: readonly string[] }

/** The Django package's own events, to the letter (docs/PROTOCOL.md). */
export async function composeDjango(
  ctx: Context,
  endpoint: EndpointRow,
  delivery: DeliveryRow,
): Promise<Message | Nothing> {
  const told = await tell(ctx, endpoint, delivery)
  if (told === undefined) return { nothing: 'event_gone' }
  return {
    url: webhookOf(endpoint.url),
    bodies: told.map(({ event, data }) => JSON.stringify({ event, data })),
    secrets: told.flatMap(({ secrets = [] }) => secrets),
    judge: judgeDjango,
  }
}

async function tell(ctx: Context, endpoint: EndpointRow, delivery: DeliveryRow): Promise<Told[] | undefined> {
  const event = await findOccasion(ctx.db.read, endpoint, delivery)
  if (!event) return undefined
  if (event.type === 'ping') return [tryOut(endpoint, delivery)]
  const person = personIn(event)
  // Of somebody whose data was erased meanwhile: an empty name could be taken for another's.
  if (person.email === '') return undefined
  switch (delivery.type) {
    case 'permissions.updated':
      return tellRights(ctx, endpoint, delivery, event)
    case 'user.created':
      return [await tellCreated(ctx, endpoint, event)]
    case EMAIL_UPDATED:
      return [{ event: EMAIL_UPDATED, data: { current_email: event.changed?.email, change_to_email: person.email } }]
    case PIN_UPDATED: {
      const pin = (await findPin(ctx, event.userId)) ?? ''
      return [{ event: PIN_UPDATED, data: { user_username: person.email, pin } }]
    }
    default:
      return undefined
  }
}

/** About nobody: where the package is, it says that it knows no such user. */
function tryOut(endpoint: EndpointRow, { id }: DeliveryRow): Told {
  const data = {
    username: `${id}@license.invalid`,
    token: placeholder(endpoint.application_id, id),
    permissions: [],
    company_id: id,
    available_companies: [],
  }
  return { event: 'permissions.updated', data }
}

async function tellRights(
  ctx: Context,
  endpoint: EndpointRow,
  delivery: DeliveryRow,
  event: Occasion,
): Promise<Told[]> {
  const { application_id: applicationId } = endpoint
  const userId = event.userId ?? ''
  const companyId = event.companyId ?? ''
  const announced = await findAnnounced(ctx.db.read, { applicationId, userId, companyId })
  const found = await loadAnswer(ctx, userId, applicationId)
  const { token, secrets } = await tokenFor(ctx, endpoint, userId)
  const names = await namesOf(ctx, delivery, event)
  return names.map((username) => ({
    event: 'permissions.updated',
    data: {
      username,
      token,
      permissions: announced?.permissions ?? event.data.permissions,
      company_id: companyId,
      // As it is just now: a company that has ended meanwhile is none to choose.
      available_companies: (found?.answer.companies ?? []).map(({ id, name }) => ({
        company_id: id,
        company_name: name,
      })),
    },
    secrets,
  }))
}

/**
 * By what the site may know the user. Of a change of the email that is not there yet, the address before it, and then the one after it, should
 * it have arrived and the answer not: so no such change keeps back what was taken away.
 */
async function namesOf(ctx: Context, delivery: DeliveryRow, event: Occasion): Promise<string[]> {
  const { email } = personIn(event)
  const pending = await findFirstWaiting(ctx.db.read, delivery, EMAIL_UPDATED)
  const change = pending?.event_id ? await findEventOccasion(ctx.db.read, pending.event_id) : undefined
  const before = change?.changed?.email
  return [...new Set([...(before === undefined ? [] : [before]), email])]
}

async function tellCreated(ctx: Context, endpoint: EndpointRow, event: Occasion): Promise<Told> {
  const { email, first_name, last_name } = personIn(event)
  const { token, secrets } = await tokenFor(ctx, endpoint, event.userId ?? '')
  // The site stores it as a password, which nobody ever knows.
  const password = randomBytes(48).toString('hex')
  const exposesPin = await isPinExposed(ctx, endpoint.application_id)
  const data = {
    user_email: email,
    user_first_name: first_name,
    user_last_name: last_name,
    user_pin: exposesPin ? ((await findPin(ctx, event.userId)) ?? null) : null,
    user_pwd: password,
    license_token: token,
  }
  return { event: 'user.created', data, secrets: [...secrets, password] }
}

/** The last token where the site finds users by it, and nobody can read along; else what is no token. */
async function tokenFor(
  ctx: Context,
  { application_id: applicationId, url }: EndpointRow,
  userId: string,
): Promise<{ token: string; secrets: string[] }> {
  const sealed = url.startsWith('https:') ? await findLastToken(ctx.db.read, { userId, applicationId }) : undefined
  if (sealed === undefined) return { token: placeholder(applicationId, userId), secrets: [] }
  const token = await ctx.keys.open(lastTokenPurpose({ userId, applicationId }), sealed)
  return { token, secrets: [token] }
}

/** Of this user and application, never empty, and never taken as a token: it has not the form of one. */
export function placeholder(applicationId: string, userId: string): string {
  const of = createHash('sha256')
    .update(JSON.stringify([applicationId, userId]))
    .digest('hex')
  return `none-${of}`
}

type Person = { email: string; first_name: string; last_name: string }

function personIn({ data }: Occasion): Person {
  return { email: '', first_name: '', last_name: '', ...(data.user as Partial<Person>) } // As its form has it.
}

async function findPin(ctx: Context, userId: string | null): Promise<string | null | undefined> {
  const row = await ctx.db.read.selectFrom('users').select('pin').where('id', '=', userId).executeTakeFirst()
  return row?.pin
}

async function isPinExposed(ctx: Context, applicationId: string): Promise<boolean> {
  const row = await ctx.db.read
    .selectFrom('applications')
    .select('exposes_pin')
    .where('id', '=', applicationId)
    .executeTakeFirst()
  return row?.exposes_pin === 1
}
