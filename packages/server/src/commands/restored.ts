/** What `restore` did. */
export type Restored = {
  file: string
  /** Where the house is kept that was there before. */
  aside: string | undefined
  migrated: string[]
  /** How many sessions, and how many one-time tokens, ended. */
  ended: number
  oneTime: number
  /** How many API keys were revoked. */
  keys: number
}

/** `20261231T180000.123Z`: two restores, one right after the other, keep two houses of before. */
export function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/[-:]/g, '')
}
