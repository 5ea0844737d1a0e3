/** Of one user in a file. */
export const MAX_ROW_BYTES = 64 * 1024
