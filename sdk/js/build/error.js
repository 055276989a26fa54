// What an author can put right.

/** Something that an author can put right; its message says what. */
export class BuildError extends Error {}
