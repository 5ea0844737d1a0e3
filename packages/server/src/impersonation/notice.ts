// What no server can undo in a site that keeps sessions of its own: said to whoever begins (docs/decisions/0020).

/** Of a Django site. */
export const DJANGO_NOTICE: readonly string[] = [
  'The site takes you for this user until you sign out there: its own session does not end with ours, but after our end it is told nothing more.',
  "The site keeps our token as this user's own until the user signs in again: until then what the user does there may be refused, or be for this company alone.",
  'The address works once: open it yourself, and send it to nobody. A chat that looks at it first uses it up.',
]

/** Where we know of no page that takes the one-time token. */
export const HAND_OVER_NOTICE: readonly string[] = [
  'This application has told no address that takes the one-time token: hand it over where the application asks for it, within two minutes. An operator can set "impersonation_url".',
]

/** Of our page, which hands the one-time token on. */
export const PAGE_NOTICE: readonly string[] = [
  'Open the address and press the button there within two minutes. What stands after # is the one-time token: send it to nobody.',
]
