/** How an application's published clients read answers: company by company, or flat, where a user has one (docs/PROTOCOL.md). */
export const DIALECTS = ['v1', 'flat-0.2', 'flat-0.1'] as const

export type Dialect = (typeof DIALECTS)[number]
