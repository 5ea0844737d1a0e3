import { AppError } from '../errors.ts'

/** A refusal that is answered later, so that its time tells nothing; `hashingSince` of `performance.now()`. */
export class WrongPassword extends AppError {
  readonly hashingSince: number

  constructor(hashingSince: number) {
    super('bad_credentials')
    this.hashingSince = hashingSince
  }
}
