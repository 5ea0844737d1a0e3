import type { Context } from '../context.ts'

/** Something done again and again beside the requests. */
export type Job = { name: string; everyMs: number; run(ctx: Context): Promise<void> }
