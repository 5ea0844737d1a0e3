import { argon2Sync, type BinaryLike } from 'node:crypto'

export const IMPORTED = 'Pässwörd für Ünal 12'
export const SALT = Buffer.from('sixteen  bytes!!')

/** Made with Python's hashlib and crypt, and with node:crypto: none of it with what the server verifies with. */
export const FOREIGN: Record<string, string> = {
  'Django pbkdf2_sha256': 'pbkdf2_sha256$1000$seasalt$Zk1dbLDPtVhJk+16r4vI9V+0octH8umKgZo4TKUCpug=',
  'Django pbkdf2_sha256, another salt and count':
    'pbkdf2_sha256$2500$sält$FIef2kFIbJyg3eBHR7A4oN0nPXGf/4ovJbQnZ6daNMw=',
  'Django bcrypt_sha256': 'bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuufKvnBG1JtLIS62dAYjYCloh6hRWNneC',
  'Django bcrypt': 'bcrypt$$2b$04$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12',
  'bcrypt $2b$': '$2b$04$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12',
  'bcrypt $2y$, as PHP writes it': '$2y$04$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12',
  'bcrypt $2a$': '$2a$04$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12',
  'Django argon2': `argon2${argon2('argon2id', 512, 2, 8)}`,
  argon2id: argon2('argon2id', 1024, 1, 1),
  'argon2i, as Django wrote it long ago': argon2('argon2i', 512, 2, 2),
  "Keycloak's pbkdf2-sha512":
    '$pbkdf2-sha512$i=2100$c2l4dGVlbiAgYnl0ZXMhIQ$YxJZZdyiknsiHZlnp5VuKaETo+cUYJjjBW7C+REKwgWgu0LLpE1LlGCm2ibpJsmgpm0yt5BKyHDcMYwzR+N1EA',
  "Keycloak's pbkdf2-sha256, of two rounds":
    '$pbkdf2-sha256$i=2750$c2l4dGVlbiAgYnl0ZXMhIQ$kTYuQGBzwMewDESaWU4C3yoRUGMmOAxJVaP+OK2njbzxCeK0DXPPFkX/59K4oXiZbijP19CCGTQDr4KR8hqoxQ==',
  'pbkdf2-sha256 with its length':
    '$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiAgYnl0ZXMhIQ$oab9P28KZ/Onex/5nG6MRXmIpI9TlsrrmWJzzwlj2hg',
  "Keycloak's oldest pbkdf2":
    '$pbkdf2$i=1500$c2l4dGVlbiAgYnl0ZXMhIQ$3ZtP2/fpLS31xJROEmIlfi4K5l9No6Y4wHKdi3hHNHgSajlqbVkhlmcQmFMd+sOLdEzNGIKjydresPpc5ssXfQ',
  'pbkdf2-sha512 as passlib writes it':
    '$pbkdf2-sha512$1200$c2l4dGVlbiAgYnl0ZXMhIQ$nW2RI8Oq5b0JfsMJ.ej3BiUjVWtIDwUjzeMqhwZ69STqMO216CB0DSxGfAkPMc./gLu2nA35rGm707rGPVEEew',
}

function argon2(algorithm: 'argon2id' | 'argon2i', memory: number, passes: number, parallelism: number): string {
  const message: BinaryLike = IMPORTED
  const digest = argon2Sync(algorithm, { message, nonce: SALT, parallelism, tagLength: 32, memory, passes })
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$${algorithm}$v=19$m=${memory},t=${passes},p=${parallelism}$${text(SALT)}$${text(digest)}`
}

/** Parameters over the caps, and what is no password string at all. */
export const REFUSED_STRINGS = [
  'pbkdf2_sha256$2000001$seasalt$Zk1dbLDPtVhJk+16r4vI9V+0octH8umKgZo4TKUCpug=',
  'pbkdf2_sha256$0$seasalt$Zk1dbLDPtVhJk+16r4vI9V+0octH8umKgZo4TKUCpug=',
  'pbkdf2_sha256$1000$$Zk1dbLDPtVhJk+16r4vI9V+0octH8umKgZo4TKUCpug=',
  'pbkdf2_sha256$1000$seasalt$short',
  'pbkdf2_sha1$1000$seasalt$Zk1dbLDPtVhJk+16r4vI9V+0octH8umKgZo4TKUCpug=',
  '$2b$15$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12',
  '$2b$03$abcdefghijklmnopqrstuu5chyD4rzbaE70aB0nBapwgyFeO6fD12',
  '$2b$04$tooshort',
  'bcrypt_sha256$$2b$31$abcdefghijklmnopqrstuufKvnBG1JtLIS62dAYjYCloh6hRWNneC',
  '$argon2id$v=19$m=262145,t=2,p=1$c2l4dGVlbiAgYnl0ZXMhIQ$MzI2NTQzMjE5ODc2NTQzMjE5ODc2NTQz',
  '$argon2id$v=19$m=1024,t=11,p=1$c2l4dGVlbiAgYnl0ZXMhIQ$MzI2NTQzMjE5ODc2NTQzMjE5ODc2NTQz',
  '$argon2id$v=19$m=1024,t=2,p=17$c2l4dGVlbiAgYnl0ZXMhIQ$MzI2NTQzMjE5ODc2NTQzMjE5ODc2NTQz',
  '$argon2id$v=19$m=99999999999,t=2,p=1$c2l4dGVlbiAgYnl0ZXMhIQ$MzI2NTQzMjE5ODc2NTQzMjE5ODc2NTQz',
  'md5$salt$0123456789abcdef0123456789abcdef',
  'a plain password',
  '$pbkdf2-sha512$i=2000001$c2l4dGVlbiAgYnl0ZXMhIQ$YxJZZdyiknsiHZlnp5VuKaETo+cUYJjjBW7C+REKwgWgu0LLpE1LlGCm2ibpJsmgpm0yt5BKyHDcMYwzR+N1EA',
  // Of two rounds: twice the work.
  '$pbkdf2-sha256$i=1000001$c2l4dGVlbiAgYnl0ZXMhIQ$kTYuQGBzwMewDESaWU4C3yoRUGMmOAxJVaP+OK2njbzxCeK0DXPPFkX/59K4oXiZbijP19CCGTQDr4KR8hqoxQ',
  '$pbkdf2-sha512$i=0$c2l4dGVlbiAgYnl0ZXMhIQ$YxJZZdyiknsiHZlnp5VuKaETo+cUYJjjBW7C+REKwgWgu0LLpE1LlGCm2ibpJsmgpm0yt5BKyHDcMYwzR+N1EA',
  '$pbkdf2-sha512$i=1000$c2l4dGVlbiAgYnl0ZXMhIQ$c2hvcnQ',
  '$pbkdf2-sha256$i=1000,l=20$c2l4dGVlbiAgYnl0ZXMhIQ$oab9P28KZ/Onex/5nG6MRXmIpI9TlsrrmWJzzwlj2hg',
  `$pbkdf2-sha512$i=1000$c2l4dGVlbiAgYnl0ZXMhIQ$${'A'.repeat(88)}`,
  '$pbkdf2-sha384$i=1000$c2l4dGVlbiAgYnl0ZXMhIQ$oab9P28KZ/Onex/5nG6MRXmIpI9TlsrrmWJzzwlj2hg',
]
