/** Some 49,000 of the most common passwords, in lower case. Read when a password is chosen, not at start. */
export async function commonPasswords(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'] as readonly string[]) // The package types its dictionaries loosely.
}
