// What the existing Django package can store, enforced where a thing is made.
export const MAX_COMPANY_NAME = 100
export const MAX_PERSON_NAME = 150
export const MAX_PIN = 6
export const APPLICATION_ID = /^[A-Za-z0-9._-]{1,100}$/
export const SLUG = /^[A-Za-z0-9_.:-]{1,100}$/
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
