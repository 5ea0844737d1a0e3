import type { EndpointEventType } from 'cloudspot-license-api/admin'

/** What an application can be told of, beside `ping`. */
export const EVENT_TYPES: readonly EndpointEventType[] = [
  'permissions.updated',
  'user.created',
  'user.updated',
  'user.deleted',
  'company.updated',
  'license.updated',
]
