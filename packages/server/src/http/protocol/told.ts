import { Type } from 'typebox'
import type { ErrorCode } from '../../errors.ts'

// What the calls of the protocol say alike. They read their headers and bodies by themselves, in sign-in/ and callers.ts.

/** Of every call: each names its application. */
export const OF_APPLICATIONS: readonly ErrorCode[] = [
  'unknown_application',
  'application_secret_required',
  'application_source_refused',
]

/** Of those that take a token. */
export const OF_SESSIONS: readonly ErrorCode[] = [...OF_APPLICATIONS, 'invalid_token']

/** Of those that are not there in every dialect. */
export const OTHER_FORM: readonly ErrorCode[] = ['not_found']

export const AUTH = { tags: ['auth'] }

export const CLIENT = {
  'X-LICENSE-CLIENT': Type.Optional(
    Type.String({
      examples: ['my-site/1.0'],
      description:
        '`<name>/<version>`: says that the caller can read more than the frozen keys, and problems (RFC 9457) for errors',
    }),
  ),
}

export const USER_ADDRESS = {
  'X-LICENSE-USER-ADDRESS': Type.Optional(
    Type.String({ description: "The end user's IP address. Of an application without a secret it means nothing" }),
  ),
}
