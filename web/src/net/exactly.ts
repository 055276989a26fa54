/** Types that say more than the server's document does. */

/** `T` with some fields said more exactly. */
export type Exactly<T, Fields> = Omit<T, keyof Fields> & Fields;
