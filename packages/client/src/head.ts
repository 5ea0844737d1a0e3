/** A JSON object as it came. */
export type Json = Readonly<Record<string, unknown>>

/** What an answer's head tells. */
export interface Head {
  readonly status: number
  readonly requestId: string | undefined
  readonly retryAfter: number | undefined
  readonly etag: string | undefined
}

export function readHead(response: Response): Head {
  const { status, headers } = response
  return {
    status,
    requestId: readRequestId(headers),
    retryAfter: readRetryAfter(headers),
    etag: headers.get('ETag') ?? undefined,
  }
}

function readRequestId(headers: Headers): string | undefined {
  const value = headers.get('X-Request-Id')
  return value && /^[\x21-\x7e]{1,200}$/.test(value) ? value : undefined
}

/** Seconds of `Retry-After`, in either of its two forms (RFC 9110, 10.2.3). */
function readRetryAfter(headers: Headers): number | undefined {
  const value = headers.get('Retry-After')?.trim()
  if (!value) return undefined
  if (/^\d+$/.test(value)) return boundedSeconds(Number(value))
  // Against the server's own clock, where it tells it.
  const now = Date.parse(headers.get('Date') ?? '') || Date.now()
  return boundedSeconds(Math.ceil((Date.parse(value) - now) / 1_000))
}

/** A day at most, so that whoever hands it to `setTimeout` waits. */
export function boundedSeconds(seconds: number): number | undefined {
  return Number.isNaN(seconds) ? undefined : Math.min(86_400, Math.max(0, seconds))
}
