/** Waiting for what must become true, instead of for time to pass. */

const LONGEST_MS = 45_000;
const BETWEEN_MS = 25;

/** Asks `question` again and again until its answer is truthy, and gives that answer. */
export async function until(what, question) {
  const deadline = Date.now() + LONGEST_MS;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
}
