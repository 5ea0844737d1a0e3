import type { StoredApplication } from '../directory/application-store.ts'
import { canonicalAddress } from '../domain/address.ts'
import { AppError } from '../errors.ts'

/** Where the end user is. Only an application that proved itself may say so: from any other it means nothing. @throws AppError `invalid_input` */
export function checkAddress(application: StoredApplication, given: string | undefined): string | undefined {
  if (application.secretHash === null || given === undefined || given === '') return undefined
  const address = canonicalAddress(given)
  if (address === undefined) {
    const message = 'X-LICENSE-USER-ADDRESS must be one IP address, such as 192.0.2.7 or 2001:db8::1'
    throw new AppError('invalid_input', {
      detail: `${message}.`,
      faults: [{ path: '/headers/x-license-user-address', message }],
    })
  }
  return address
}
