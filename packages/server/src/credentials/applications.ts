import type { Context } from '../context.ts'
import { findApplication, type StoredApplication } from '../directory/application-store.ts'
import { isInNetworks } from '../domain/address.ts'
import { AppError } from '../errors.ts'
import { isSecretOf } from './secrets.ts'

/** Who asks: the application, as its request says. */
export type ApplicationClaim = {
  applicationId: string | undefined
  secret: string | undefined
  /** The address that the request came from. */
  source: string
}

/**
 * The application that asks, switched on, calling from where it may and, where it has a secret, proved.
 * @throws AppError `unknown_application`, `application_source_refused`, `application_secret_required`
 */
export async function requireApplication(ctx: Context, claim: ApplicationClaim): Promise<StoredApplication> {
  return checkApplication(await findApplication(ctx.db.read, requireApplicationId(claim)), claim)
}

/** @throws AppError `unknown_application` */
export function requireApplicationId({ applicationId }: ApplicationClaim): string {
  if (applicationId !== undefined) return applicationId
  throw new AppError('unknown_application', {
    detail: 'The request names no application: send its id as X-LICENSE-MODULE.',
  })
}

/** The same of one that was looked up. */
export function checkApplication(
  application: StoredApplication | undefined,
  claim: ApplicationClaim,
): StoredApplication {
  if (!application?.isActive) throw unknownApplication()
  requireSource(application.sourceNetworks, claim.source)
  requireSecret(application.secretHash, claim.secret)
  return application
}

/** Unknown and switched off read the same. */
export function unknownApplication(): AppError {
  return new AppError('unknown_application', { detail: 'This application is not known here, or it is switched off.' })
}

export function requireSecret(stored: string | null, secret: string | undefined): void {
  if (stored === null || (secret !== undefined && isSecretOf(secret, stored))) return
  const missing = 'This application must prove itself: send its secret as X-LICENSE-SECRET.'
  throw new AppError('application_secret_required', {
    detail: secret === undefined ? missing : "The application's secret is wrong.",
  })
}

export function requireSource(networks: readonly string[] | null, source: string): void {
  if (networks === null || isInNetworks(source, networks)) return
  throw new AppError('application_source_refused', {
    detail: `This application may not be used from ${source}. Ask whoever runs the License server to add the network.`,
  })
}
