// What an author imports: define a brick, say what went wrong, draw random numbers that can be repeated.

export { defineBrick } from "./brick.js";
export { BrickError } from "./errors.js";
export { random } from "./random.js";
