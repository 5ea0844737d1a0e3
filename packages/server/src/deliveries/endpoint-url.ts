import type { Context } from '../context.ts'
import type { EndpointDialect } from '../domain/delivery.ts'
import { readSiteBase } from '../domain/site-address.ts'
import { wrong } from '../errors.ts'
import { requireCallable } from '../outbound/require-callable.ts'

/**
 * An address in the one spelling that is stored: the receiver's own, or the base of a Django site. Where it leads is judged now, and again at each call
 * (docs/decisions/0019). @throws AppError `invalid_input`
 */
export async function readEndpointUrl(
  ctx: Context,
  dialect: EndpointDialect,
  given: string,
  path = '/body/url',
): Promise<string> {
  if (dialect === 'standard') return requireCallable(given, { allowedNetworks: ctx.config.allowedNetworks }, path)
  const { url, fault } = readSiteBase(given)
  if (fault !== undefined) throw wrong(path, fault)
  await requireCallable(webhookOf(url), { allowedNetworks: ctx.config.allowedNetworks }, path)
  return url
}

/** Where the Django package takes events, below its base. */
export function webhookOf(base: string): string {
  return `${base}/webhook`
}
