const TEST_MODE_ADDRESS = 'http://localhost:8000'

/**
 * The server's address without `/api/v1` and trailing slash. Test mode wins over `baseUrl`, so that a test never speaks to the real
 * server. Messages leave the value out: it may hold credentials.
 *
 * @throws TypeError when it is missing or no plain http(s) address
 */
export function serverAddress(baseUrl: string | URL | undefined, testMode: boolean): string {
  if (baseUrl === undefined) {
    if (testMode) return TEST_MODE_ADDRESS
    throw new TypeError("baseUrl is missing: the License server's address, such as https://license.example")
  }
  const given = String(baseUrl).trim()
  const url = parse(given)
  if (url.username || url.password) throw new TypeError('baseUrl must not hold a user name or password')
  if (/[?#]/.test(given)) throw new TypeError('baseUrl must not hold a query or a fragment')
  if (testMode) return TEST_MODE_ADDRESS
  const path = url.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '')
  return url.origin + path.replace(/\/+$/, '')
}

function parse(given: string): URL {
  // `http:host` and `http:/host` parse too, but are slips.
  const url = /^https?:\/\/[^/]/i.test(given) && URL.canParse(given) ? new URL(given) : undefined
  if (!url) throw new TypeError('baseUrl must be an address that starts with http:// or https://')
  return url
}
