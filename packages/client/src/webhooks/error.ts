import { brand, LicenseError } from '../errors.ts'

export type WebhookErrorCode = 'signature_missing' | 'signature_wrong' | 'timestamp_outside' | 'malformed'

/**
 * What came is not an event of your License server, or not one of now. `code` tells why: `signature_missing`, `signature_wrong`,
 * `timestamp_outside`, `malformed`. Answer it with 400 and do nothing. Neither message nor anything else here holds a secret, a
 * signature or the body.
 */
export class WebhookError extends LicenseError {
  static {
    brand(WebhookError, 'WebhookError')
  }
  declare readonly name: 'WebhookError'
  declare readonly code: WebhookErrorCode
}

export function refusal(code: WebhookErrorCode, message: string): WebhookError {
  return new WebhookError(message, { code })
}
