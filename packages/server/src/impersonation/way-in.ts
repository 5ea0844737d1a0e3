import type { Context } from '../context.ts'
import type { ManagedApplication } from '../directory/application-store.ts'
import { DJANGO_NOTICE, HAND_OVER_NOTICE, PAGE_NOTICE } from './notice.ts'

/** Where our page is; what follows is the impersonation's id, and after # the one-time token, which no server is sent. */
export const IMPERSONATE = '/impersonate'

/** How whoever acts gets in, told once: an address to open, or the one-time token where there is none. */
export type WayIn = { url: string; token: null; notice: readonly string[] } | HandOver
type HandOver = { url: null; token: string; notice: readonly string[] }

/** A Django site's own address; else our page, which hands the one-time token on; else the token alone. */
export function wayIn(
  { config }: Pick<Context, 'config'>,
  application: Pick<ManagedApplication, 'djangoUrl' | 'impersonationUrl'>,
  { id, token }: { id: string; token: string },
): WayIn {
  if (application.djangoUrl !== null)
    return { url: `${application.djangoUrl}/impersonation/${token}`, token: null, notice: DJANGO_NOTICE }
  if (application.impersonationUrl === null) return { url: null, token, notice: HAND_OVER_NOTICE }
  const page = `${config.publicUrl.replace(/\/+$/, '')}${IMPERSONATE}/${id}`
  return { url: `${page}#${token}`, token: null, notice: PAGE_NOTICE }
}
