import type { Context } from '../context.ts'
import { passwordFault } from '../domain/password-policy.ts'
import { AppError } from '../errors.ts'
import { commonPasswords } from './common-passwords.ts'

/** What is stored of a new password. @throws AppError `invalid_input` when it will not do, at this path */
export async function hashNewPassword(ctx: Context, password: string, path = '/password'): Promise<string> {
  const fault = passwordFault(password, ctx.config.passwordMinLength, await commonPasswords())
  if (fault !== undefined)
    throw new AppError('invalid_input', {
      detail: `The password ${fault}. Nothing was changed.`,
      faults: [{ path, message: fault }],
    })
  return ctx.hasher.hash(password)
}
