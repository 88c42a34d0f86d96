/** A module without a default export. */
export class Echo {}
