import { PASSWORD_MAX_LENGTH } from '../domain/password-policy.ts'
import { AppError, type Fault } from '../errors.ts'

/** Longer than any address, with room for surrounding blanks. */
const USERNAME_MAX_LENGTH = 1_000

/** Takes name and password out of whatever was sent. What can be no name or password is told as such, alike for all accounts. */
export function checkInput(body: unknown): { username: string; password: string } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError('invalid_input', { detail: 'Send a JSON object with username and password.' })
  }
  const { username, password } = body as Record<string, unknown> // An object, as was just seen.
  const faults = [
    ...textFaults('/username', username, USERNAME_MAX_LENGTH),
    ...textFaults('/password', password, PASSWORD_MAX_LENGTH),
  ]
  if (faults.length > 0 || typeof username !== 'string' || typeof password !== 'string') {
    throw new AppError('invalid_input', {
      detail: `What was sent is no name and password: ${faults.map((f) => f.message).join('; ')}.`,
      faults,
    })
  }
  return { username, password }
}

function textFaults(path: string, value: unknown, max: number): Fault[] {
  const name = path.slice(1)
  if (typeof value !== 'string') return [{ path, message: `${name} must be a text` }]
  if (value.length > max) return [{ path, message: `${name} is longer than ${max} characters` }]
  if (!value.isWellFormed() || value.includes('\0'))
    return [{ path, message: `${name} has a character that no text has` }]
  return []
}
