import type { Context } from '../context.ts'
import { AppError } from '../errors.ts'
import { callOutside, type Outcome } from '../outbound/call.ts'

/** Leaves time for the rest of the request (http/deadline.ts). */
const TIMEOUT_MS = 5_000
const MAX_BYTES = 4_096

/** Whether a Django site has the package, new enough to let a supporter in (docs/PROTOCOL.md). @throws AppError `site_not_ready` */
export async function requireOperational(ctx: Context, base: string): Promise<void> {
  const outcome = await callOutside(
    { url: `${base}/impersonation`, method: 'GET', headers: { accept: 'application/json' } },
    { allowedNetworks: ctx.config.allowedNetworks, timeoutMs: TIMEOUT_MS, connectMs: TIMEOUT_MS, maxBytes: MAX_BYTES },
  )
  const fault = faultOf(outcome)
  if (fault === undefined) return
  throw new AppError('site_not_ready', {
    detail: `The application's site ${fault}. Nothing was begun. It was asked at ${base}/impersonation, which is made of its "django_url".`,
  })
}

function faultOf(outcome: Outcome): string | undefined {
  if (outcome.kind === 'refused_address') return `may not be called: the address ${outcome.fault}`
  if (outcome.kind === 'failed') return `does not answer (${outcome.reason}${outcome.code ? `, ${outcome.code}` : ''})`
  if (outcome.status === 404) return 'knows no impersonation: django-cloudspotlicense 5.0 or newer is needed there'
  if (outcome.status !== 200) return `answered with the status ${outcome.status}`
  return isOperational(outcome.body) ? undefined : 'did not say that it is operational'
}

function isOperational(body: Buffer): boolean {
  try {
    const told: unknown = JSON.parse(body.toString('utf8'))
    return typeof told === 'object' && told !== null && 'status' in told && told.status === 'operational'
  } catch {
    return false
  }
}
