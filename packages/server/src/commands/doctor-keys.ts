import type { KeyReport } from '../keys/examine.ts'
import { type Check, fault, ok } from './doctor-check.ts'

/** What `doctor` says of the key ring; `keys check` says it key by key. */
export function checkRing(report: KeyReport): Check {
  const name = 'key ring'
  if (report.fault !== undefined) return fault(name, report.fault.replaceAll('\n', ' '))
  const old = outdated(report)
  if (old > 0) {
    const says = `${things(old)} still sealed with an older key. Run: license-server keys use ${currentOf(report)}`
    return { name, state: 'warning', says }
  }
  const keys = report.keys.length
  return ok(name, `it is the one of this house (${keys === 1 ? '1 key' : `${keys} keys`}, ${report.sealed} sealed).`)
}

/** How much is sealed with a key that is no longer the current one. */
export function outdated({ keys }: KeyReport): number {
  return keys.filter((key) => !key.isCurrent).reduce((sum, { sealed }) => sum + total(sealed), 0)
}

export function currentOf({ keys }: KeyReport): string {
  return keys.find((key) => key.isCurrent)?.id ?? ''
}

export function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** `1 thing is`, `3 things are` */
export function things(count: number): string {
  return count === 1 ? '1 thing is' : `${count} things are`
}
