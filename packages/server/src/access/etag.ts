import { hash } from 'node:crypto'
import { AppError } from '../errors.ts'

/** The state of something as a short text: equal when it is (RFC 9110, 8.8.3). */
export function etagOf(state: unknown): string {
  return `"${hash('sha256', JSON.stringify(state), 'base64url').slice(0, 24)}"`
}

/** @throws AppError `changed_meanwhile` */
export function requireMatch(seen: string, current: string): void {
  const tags = seen.split(',').map((tag) => tag.trim())
  if (tags.includes('*') || tags.includes(current)) return
  throw new AppError('changed_meanwhile', {
    detail: 'It is no longer as you saw it: read it again, and send its ETag as If-Match. Nothing was changed.',
  })
}
