/** The version in package.json; tests/packages hold them equal. */
export const VERSION = '0.1.0'
