import type { StoredApplication } from '../directory/application-store.ts'
import { canonicalAddress } from '../domain/address.ts'
import { AppError } from '../errors.ts'

/** Where the end user is. Only an application that proved itself may say so: from any other it means nothing. @throws AppError `malformed_request` */
export function checkAddress(application: StoredApplication, given: string | undefined): string | undefined {
  if (application.secretHash === null || given === undefined || given === '') return undefined
  const address = canonicalAddress(given)
  if (address === undefined) {
    // The application's mistake, not the user's: a wrong password has another code.
    throw new AppError('malformed_request', {
      detail: 'X-LICENSE-USER-ADDRESS must be one IP address, such as 192.0.2.7 or 2001:db8::1.',
    })
  }
  return address
}
