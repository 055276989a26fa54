// Random numbers that follow from a seed, so that the same seed gives the same result.

const BITS_32 = 0xffff_ffffn;

/**
 * A generator of random numbers (sfc32 by Chris Doty-Humphrey, 128 bits of state). `seed` is a whole number; those
 * that differ in their lowest 64 bits give different numbers.
 */
export function random(seed) {
  const bits = BigInt(seed);
  let [a, b, c, counter] = [Number(bits & BITS_32), Number((bits >> 32n) & BITS_32), 0x9e3779b9, 1];
  const bits32 = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return sum >>> 0;
  };
  // Until every bit of the seed has reached every bit of the state.
  for (let round = 0; round < 15; round += 1) bits32();
  const number = () => bits32() / 2 ** 32;
  const below = (count) => Math.floor(number() * count);
  return { number, below, pick: (list) => list[below(list.length)] };
}
