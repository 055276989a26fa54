/** A server behind `fetch` for the tests of what asks it: answers by method and path, and remembers what it was asked. */
import { Client } from "../src/net/client.js";

/** What each call is answered, or a function that answers for its body. */
type Answers = Record<string, unknown>;

/** Refuses with a status and the server's words. */
export class Refusing {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly message: string,
  ) {}
}

export function serving(answers: Answers) {
  const asked: string[] = [];
  const bodies: unknown[] = [];
  const fetcher = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const call = `${init?.method ?? "GET"} ${input as string}`;
    const body: unknown = typeof init?.body === "string" ? JSON.parse(init.body) : undefined;
    asked.push(call);
    bodies.push(body);
    const known = answers[call];
    if (known === undefined) return Promise.reject(new TypeError(`nobody answers ${call}`));
    const answer: unknown = typeof known === "function" ? (known as (body: unknown) => unknown)(body) : known;
    if (answer instanceof Refusing) {
      const { status, code, message } = answer;
      return Promise.resolve(new Response(JSON.stringify({ error: { code, message } }), { status }));
    }
    return Promise.resolve(new Response(JSON.stringify(answer), { status: 200 }));
  };
  return { client: new Client(fetcher), asked, bodies };
}
