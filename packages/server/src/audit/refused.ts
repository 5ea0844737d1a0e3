import type { GiftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'

/** A refusal to give, in words. */
export function giftRefused({ because, slugs }: GiftRefusal): AppError {
  const list = slugs.map((slug) => `"${slug}"`).join(', ')
  switch (because) {
    case 'operator_only':
      return new AppError('operator_only', { detail: `Only operators may give ${list}, or what needs it.` })
    case 'not_included':
      return new AppError('not_included', { detail: `The company's license does not include ${list}.` })
    case 'more_than_own':
      return new AppError('not_allowed', {
        detail: 'A key gives nobody more than it has itself, nor for somebody else, nor for longer.',
      })
    case 'scope_missing':
      return new AppError('scope_missing', {
        detail: 'This also gives a membership or a seat: the key needs "members:write" or "seats:write" for that.',
      })
    case 'of_operator':
      return new AppError('not_allowed', { detail: 'Nobody may act as an operator.' })
    case 'not_open':
      return new AppError('not_allowed', {
        detail:
          'Admins of this company may not act as its people: an operator can allow it, by "allows_impersonation" of the company.',
      })
    case 'not_yours':
      return new AppError('not_allowed', { detail: 'This is not yours to give. Ask an operator of the house.' })
  }
}
