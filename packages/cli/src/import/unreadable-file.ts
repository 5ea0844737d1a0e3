/** The file as a whole is none that can be read: a sentence that says why, and what to do. */
export class UnreadableFile extends Error {
  constructor(says: string) {
    super(says)
    this.name = 'UnreadableFile'
  }
}
