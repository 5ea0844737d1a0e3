/** One thing that was looked at: fine, worth knowing, or wrong. `says` reads on after the name and a colon. */
export type Check = { name: string; state: 'ok' | 'warning' | 'fault'; says: string }

export const SIGNS = { ok: '✓', warning: '!', fault: '✗' } as const

export function some(items: readonly string[], divider = ', '): string {
  return items.length <= 5 ? items.join(divider) : `${items.slice(0, 5).join(divider)} and ${items.length - 5} more`
}

export function ok(name: string, says: string): Check {
  return { name, state: 'ok', says }
}

export function fault(name: string, says: string): Check {
  return { name, state: 'fault', says }
}
