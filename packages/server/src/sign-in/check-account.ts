import type { Account } from '../directory/user-store.ts'
import { AppError } from '../errors.ts'

/** After the right password: it may be said that the account is switched off. */
export function checkAccount(account: Account | undefined): Account {
  if (!account?.isActive) {
    throw new AppError('account_disabled', { detail: 'This account is switched off. Ask whoever manages it.' })
  }
  return account
}
