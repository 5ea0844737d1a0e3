import type { Refusals } from '../audit/refusals.ts'

type Noting = { refusals: Refusals; now(): number }

/** Counts one more of today (UTC): a row a day, so that "lately" can be told. */
export function noteDay(
  { refusals, now }: Noting,
  kind: 'upstream_refused' | 'upstream_failed',
  applicationId: string,
  reason = '',
): void {
  const at = now()
  const day = new Date(at).toISOString().slice(0, 10)
  refusals.note(kind, applicationId, `${day} ${reason}`.trim(), at)
}
