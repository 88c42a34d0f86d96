/** A callback with two letters exchanged. */
export default class Misspelt {
  dtaa(): void {}

  close(): void {}
}
