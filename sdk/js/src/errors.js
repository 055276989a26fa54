// From whatever went wrong in a brick to what the studio shows, and where.

/** Why a run failed. The case tells the studio where to show the message. */
export class BrickError extends Error {
  /** `payload` is the error as the contract has it: `brick-error` of `qpyt:brick/types`. */
  constructor(payload, message) {
    super(message);
    this.name = "BrickError";
    this.payload = payload;
  }

  /** An input that can't be used: its port, what is wrong and what to do. */
  static badInput(port, problem) {
    return new BrickError({ tag: "bad-input", val: { name: port, problem } }, problem);
  }

  /** A parameter that can't be used: its name, what is wrong and what to do. */
  static badParam(param, problem) {
    return new BrickError({ tag: "bad-param", val: { name: param, problem } }, problem);
  }

  /** The person stopped the job. */
  static cancelled() {
    return new BrickError({ tag: "cancelled" }, "cancelled");
  }

  /** The host could not do what was asked; its message, passed on. */
  static host(message) {
    return new BrickError({ tag: "host", val: message }, message);
  }

  /** Any other failure: what is wrong and what to do. */
  static other(problem) {
    return new BrickError({ tag: "other", val: problem }, problem);
  }
}

/** The brick error that a thrown value stands for. */
export function asBrickError(thrown) {
  if (thrown instanceof BrickError) return thrown;
  const refusal = thrown?.payload;
  if (typeof refusal?.tag === "string") return ofHost(refusal);
  // Where it happened goes to the brick's log; the person gets the message.
  console.error(thrown?.stack ? `${thrown}\n${thrown.stack}` : String(thrown));
  return BrickError.other(thrown instanceof Error ? `The brick failed: ${thrown}` : String(thrown));
}

/** What an import answered instead of a result: one case of `job-error`, `media-error`, `store-error`, `http-error`. */
function ofHost({ tag, val }) {
  switch (tag) {
    case "cancelled":
      return BrickError.cancelled();
    case "timed-out":
      return BrickError.host("This took longer than the brick is allowed to take.");
    case "model-missing":
      return BrickError.host(`The model \`${val}\` is not installed. Install it or choose another one.`);
    case "too-large":
      return BrickError.host(`This would need ${val} bytes, more than a brick may use. Make it smaller.`);
    default:
      return BrickError.host(String(val ?? tag));
  }
}
