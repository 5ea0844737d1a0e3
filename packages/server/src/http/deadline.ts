/**
 * What takes several statements, waits for its turn or hashes is answered by then, whatever hangs: callers give up at ten seconds. What
 * is under way goes on, and is stored whole or not at all. Look-ups need no deadline: one statement has its own (db/postgres.ts).
 */
export const DEADLINE_MS = 9_000
