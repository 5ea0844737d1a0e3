import type { Context } from '../context.ts'
import { isUnknownThere, readRetryAfter, type Verdict } from '../domain/delivery.ts'
import { CommandError } from '../errors.ts'
import { purposeOf } from '../keys/sealed-endpoints.ts'
import { callOutside, type Outcome } from '../outbound/call.ts'
import { keptAnswer } from './answer-text.ts'
import type { DeliveryRow } from './delivery-store.ts'
import { composeDjango } from './dialects/django.ts'
import type { Message } from './dialects/message.ts'
import { composeStandard } from './dialects/standard.ts'
import type { EndpointRow } from './endpoint-store.ts'
import { signMessage } from './sign.ts'

/** One try: what came of it, and what of it is kept. */
export type Try = {
  verdict: Verdict | 'nothing'
  at: number
  ms: number
  status: number | null
  /** Why there was no answer, or none that is one; null where the status says it. */
  error: string | null
  answer: string
  /** How long the receiver wants us to wait, in milliseconds. */
  asked: number
}

export type SendOptions = { timeoutMs?: number; signal?: AbortSignal }

/** Puts a delivery together as things are now, and sends it. Rejects for nothing that the other side does. */
export async function send(
  ctx: Context,
  endpoint: EndpointRow,
  delivery: DeliveryRow,
  options: SendOptions = {},
): Promise<Try> {
  const at = ctx.now()
  const failed = (verdict: Try['verdict'], error: string): Try => {
    return { verdict, at, ms: 0, status: null, error, answer: '', asked: 0 }
  }
  try {
    const secrets = await secretsOf(ctx, endpoint)
    const compose = endpoint.dialect === 'django' ? composeDjango : composeStandard
    const message = await compose(ctx, endpoint, delivery)
    if ('nothing' in message) return failed('nothing', message.nothing)
    return await sendMessage(ctx, delivery, message, secrets, options)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    ctx.log.error({ endpoint: endpoint.id, err: error }, 'a secret can not be opened: events can not be signed')
    return failed('again', 'key_ring')
  }
}

async function sendMessage(
  ctx: Context,
  { message_id: id }: DeliveryRow,
  { url, bodies, secrets: inside, judge }: Message,
  secrets: readonly string[],
  options: SendOptions,
): Promise<Try> {
  const at = ctx.now()
  let ms = 0
  for (const [index, body] of bodies.entries()) {
    // Another message, which says something else.
    const of = { id: index === 0 ? id : `${id}_${index + 1}`, body }
    const outcome = await callOutside(
      {
        url,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signMessage(of, secrets, ctx.now()) },
        body,
      },
      { allowedNetworks: ctx.config.allowedNetworks, ...options },
    )
    ms += outcome.ms
    const isLast = index === bodies.length - 1
    const isOther = outcome.kind === 'answered' && isUnknownThere(outcome.status, outcome.body.toString('utf8'))
    if (isLast || !isOther) return asTry(outcome, { at, ms, judge, inside, now: ctx.now() })
  }
  throw new Error('a message has no body')
}

type Seen = Pick<Message, 'judge'> & { at: number; ms: number; inside: readonly string[]; now: number }

function asTry(outcome: Outcome, { at, ms, judge, inside, now }: Seen): Try {
  if (outcome.kind === 'answered') {
    const { status, body, headers } = outcome
    return {
      verdict: judge(status, body.toString('utf8')),
      at,
      ms,
      status,
      error: null,
      answer: keptAnswer(body, inside),
      asked: readRetryAfter(headers['retry-after'], now),
    }
  }
  const error =
    outcome.kind === 'refused_address'
      ? 'refused_address'
      : outcome.code === undefined
        ? outcome.reason
        : `${outcome.reason} (${outcome.code})`
  return { verdict: 'again', at, ms, status: null, error, answer: '', asked: 0 }
}

/** That of now, and the one before while it signs along. */
async function secretsOf(ctx: Context, endpoint: EndpointRow): Promise<string[]> {
  const { id, secret, secret_before: before, before_until: until } = endpoint
  const secrets = [await ctx.keys.open(purposeOf('secret', id), secret ?? '')]
  if (before !== null && until !== null && until > ctx.now())
    secrets.push(await ctx.keys.open(purposeOf('secret_before', id), before))
  return secrets
}
