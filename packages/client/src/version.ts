/** What this client calls itself in `X-LICENSE-CLIENT`: name and version of the package. */
export const CLIENT = 'cloudspot-license-api/0.1.0'
