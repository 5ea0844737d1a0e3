import { type Fetch, isHeaderValue, type Reach, readReach } from '../connection.ts'

/** How to reach a License server, and as whom. */
export type LicenseAdminOptions = {
  /** The server's address, with or without `/api/v1`. */
  baseUrl: string | URL
  /** Milliseconds for a whole call, repeats included; 30,000 unless told. */
  timeout?: number | undefined
  /** How often a call that does no harm a second time is repeated when the server is out of reach; 2 unless told, 10 at most. */
  retries?: number | undefined
  /** Bytes that an answer, or a line of an export, may have; 5,000,000 unless told. */
  maxAnswerBytes?: number | undefined
  /** Used instead of the platform's `fetch`. It must not follow redirects when told `redirect: 'manual'`. */
  fetch?: Fetch | undefined
} & (
  | {
      /** An API key, `clk_…`: a secret, never in a page. */
      apiKey: string
      credentials?: undefined
    }
  | {
      /** In a browser: goes by the cookie of whoever is signed in. */
      credentials: 'include' | 'same-origin'
      apiKey?: undefined
    }
)

export interface AdminConnection extends Reach {
  readonly apiKey: string | undefined
  readonly credentials: 'include' | 'same-origin' | undefined
}

/** @throws TypeError for each option that can't be right; no message holds the key */
export function readAdminConnection(options: LicenseAdminOptions): AdminConnection {
  const { apiKey, credentials } = options
  if ((apiKey === undefined) === (credentials === undefined))
    throw new TypeError("give an apiKey, or in a browser credentials: 'include', and not both")
  if (apiKey !== undefined && !isHeaderValue(apiKey))
    throw new TypeError('apiKey must be printable ASCII without blanks: the whole key, clk_…')
  if (credentials !== undefined && !['include', 'same-origin'].includes(credentials))
    throw new TypeError("credentials must be 'include' or 'same-origin'")
  // Longer than the server takes for anything, so that its own word of it arrives.
  return { ...readReach(options, 30_000), apiKey, credentials }
}
