/** The version in package.json; tools/packages.test.ts holds them equal. */
export const VERSION = '0.1.0'
