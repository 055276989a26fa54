"""From whatever went wrong in a brick to what the studio shows, and where."""

from __future__ import annotations

import sys
import traceback


class BrickError(Exception):
    """Why a run failed. The case tells the studio where to show the message."""

    def __init__(self, case: str, problem: str, name: str | None = None):
        super().__init__(problem)
        self.case = case
        self.problem = problem
        self.name = name

    @classmethod
    def bad_input(cls, port: str, problem: str) -> BrickError:
        """An input that can't be used: its port, what is wrong and what to do."""
        return cls("bad-input", problem, port)

    @classmethod
    def bad_param(cls, param: str, problem: str) -> BrickError:
        """A parameter that can't be used: its name, what is wrong and what to do."""
        return cls("bad-param", problem, param)

    @classmethod
    def cancelled(cls) -> BrickError:
        """The person stopped the job."""
        return cls("cancelled", "cancelled")

    @classmethod
    def host(cls, message: str) -> BrickError:
        """The host could not do what was asked; its message, passed on."""
        return cls("host", message)

    @classmethod
    def other(cls, problem: str) -> BrickError:
        """Any other failure: what is wrong and what to do."""
        return cls("other", problem)


class HostError(Exception):
    """What the host answered instead of a result: a case of the contract such as `denied`, and what it says of it."""

    def __init__(self, case: str, detail: object = None):
        super().__init__(case if detail is None else f"{case}: {detail}")
        self.case = case
        self.detail = detail


def as_brick_error(error: Exception) -> BrickError:
    """The brick error that an exception stands for."""
    if isinstance(error, BrickError):
        return error
    if isinstance(error, HostError):
        return _of_host(error)
    # Where it happened goes to the brick's log; the person gets the message.
    traceback.print_exception(error, file=sys.stderr)
    return BrickError.other(f"The brick failed: {type(error).__name__}: {error}")


def _of_host(error: HostError) -> BrickError:
    match error.case:
        case "cancelled":
            return BrickError.cancelled()
        case "timed-out":
            return BrickError.host("This took longer than the brick is allowed to take.")
        case "model-missing":
            return BrickError.host(
                f"The model `{error.detail}` is not installed. Install it or choose another one."
            )
        case "too-large":
            return BrickError.host(
                f"This would need {error.detail} bytes, more than a brick may use. Make it smaller."
            )
        case _:
            return BrickError.host(str(error.detail or error.case))
