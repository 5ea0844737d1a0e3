import type { Db } from '../db/database.ts'
import { listUpstreamNotes, type MoveCounts, type UpstreamNote } from './upstream-store.ts'

const DAY = 86_400_000
/** What happened lately. */
const DAYS = 7
/** What is to be done is told for longer. */
const LEFT_OUT_DAYS = 90
const MAX_TOLD = 200

type Failures = { reason: string; application: string; times: number; lastAt: number }
type LeftOutNote = { why: string; what: string; application: string; times: number; lastAt: number }

/** How far a switch-over is. */
export type UpstreamStatus = MoveCounts & {
  /** Within the last seven days (UTC), today among them. */
  refused: number
  failed: number
  failures: Failures[]
  /** What the old server told and was not taken over, the latest first. */
  leftOut: LeftOutNote[]
}

export async function loadUpstreamStatus(db: Db, now: number, counts: MoveCounts): Promise<UpstreamStatus> {
  const notes = await listUpstreamNotes(db, now - LEFT_OUT_DAYS * DAY)
  const since = new Date(now - (DAYS - 1) * DAY).toISOString().slice(0, 10)
  const lately = notes.filter((note) => note.kind !== 'upstream_left_out' && note.subject.slice(0, 10) >= since)
  const failures = new Map<string, Failures>()
  for (const { applicationId: application, subject, times, lastAt } of lately.filter(isFailure)) {
    const reason = subject.slice(11)
    const known = failures.get(`${application} ${reason}`)
    failures.set(`${application} ${reason}`, {
      reason,
      application,
      times: times + (known?.times ?? 0),
      lastAt: Math.max(lastAt, known?.lastAt ?? 0),
    })
  }
  return {
    ...counts,
    refused: sum(lately.filter((note) => !isFailure(note))),
    failed: sum(lately.filter(isFailure)),
    failures: [...failures.values()].slice(0, MAX_TOLD),
    leftOut: notes
      .filter((note) => note.kind === 'upstream_left_out')
      .slice(0, MAX_TOLD)
      .map(({ applicationId: application, subject, times, lastAt }) => {
        const [why = '', ...what] = subject.split(' ')
        return { why, what: what.join(' '), application, times, lastAt }
      }),
  }
}

function isFailure(note: UpstreamNote): boolean {
  return note.kind === 'upstream_failed'
}

function sum(notes: readonly UpstreamNote[]): number {
  return notes.reduce((all, { times }) => all + times, 0)
}
