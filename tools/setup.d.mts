// setup.mjs is plain JavaScript, because any Node must run it; these are its types.
/** The checkout's folder. */
export const root: string
export function setUp(): string
