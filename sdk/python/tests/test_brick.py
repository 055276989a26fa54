"""Definitions, runs, errors, and the bridge to the generated bindings."""

import contextlib
import dataclasses
import gc
import io
import types
import unittest
import weakref
from enum import Enum

from qpyt_brick import BrickError, Canvas, Host, HostError, Image, Memory, Ports, brick, param, port
from qpyt_brick.check import problems
from qpyt_brick.contract import Contract, case_name
from qpyt_brick.errors import as_brick_error
from qpyt_brick.kinds import Value


class Quiet(Ports):
    prompt: str = port("The text to say louder.")


class Loud(Ports):
    prompt: str = port("The same text, louder.")


@brick(id="me:shout", label="Shout", category="input")
class Shout:
    """Says a text
    louder."""

    marks: int = param(1, min=0, max=10, doc="How many exclamation marks to add.")

    def run(self, inputs: Quiet) -> Loud:
        return Loud(prompt=inputs.prompt.upper() + "!" * self.marks)


@dataclasses.dataclass(frozen=True)
class Refusal(Exception):
    """As componentize-py raises it: with a case of the contract as its value."""

    value: object


class JobError_Cancelled:
    pass


class MediaError_TooLarge:
    value = 9


def refusing(value):
    def refuse():
        # A cycle of error, trace and function, as in the generated bindings.
        error = Refusal(value)
        raise error

    return refuse


class BrickTest(unittest.TestCase):
    def test_a_class_says_what_the_brick_is(self):
        definition = Shout.__brick__
        self.assertEqual(definition.doc, "Says a text louder.")
        self.assertEqual([port.name for port in definition.input_ports], ["prompt"])
        self.assertEqual([port.label for port in definition.output_ports], ["Prompt"])
        self.assertEqual(problems(definition, "0.1.0"), [])

    def test_a_run_turns_values_at_ports_into_values_at_ports(self):
        received = [("prompt", Value("text", "hi"))]
        host = Host(Contract({}, Refusal))
        for params, said in [('{"marks": 2}', "HI!!"), ("{}", "HI!"), ('{"gone": 3}', "HI!")]:
            given = Shout.__brick__.run(received, params, host, Memory())
            self.assertEqual(given, [("prompt", Value("text", said))])

    def test_parameters_that_are_no_object_are_refused(self):
        for params in ("[]", "null", "{"):
            with self.subTest(params), self.assertRaisesRegex(BrickError, "not a JSON object"):
                Shout.__brick__.run([("prompt", Value("text", "hi"))], params, Host(Contract({}, Refusal)), Memory())

    def test_a_run_that_gives_something_else_is_told_so(self):
        for given, hint in [("text", "gave str"), (None, "gave nothing"), (Quiet(prompt="a"), "gave Quiet")]:

            @brick(id="me:wrong", label="Wrong", category="input")
            class Wrong:
                """Gives something else."""

                def run(self) -> Loud:
                    return given

            with self.subTest(hint), self.assertRaisesRegex(BrickError, hint):
                Wrong.__brick__.run([], "{}", Host(Contract({}, Refusal)), Memory())

    def test_what_a_brick_remembers_is_given_back_to_it_in_another_sandbox(self):
        @brick(id="me:counter", label="Counter", category="input")
        class Counter:
            """Counts its runs."""

            def run(self, memory: Memory) -> Loud:
                count = memory.value or 0
                memory.value = count + 1
                return Loud(prompt=f"{count} {memory.version}")

        self.assertTrue(Counter.__brick__.remembers)
        self.assertFalse(Shout.__brick__.remembers)
        host, first, second = Host(Contract({}, Refusal)), Memory(), Memory()
        self.assertIsNone(first.save())
        Counter.__brick__.run([], "{}", host, first)
        second.restore("0.1.0", first.save())
        given = Counter.__brick__.run([], "{}", host, second)
        self.assertEqual(given, [("prompt", Value("text", "1 0.1.0"))])

    def test_parameters_are_carried_over_by_the_brick_they_belong_to(self):
        @brick(id="me:renamed", label="Renamed", category="input")
        class Renamed:
            """Had another name for its marks."""

            marks: int = param(1)

            def run(self) -> None: ...

            @staticmethod
            def migrate(from_version, params):
                return {"marks": params["exclamations"]}

        self.assertEqual(Renamed.__brick__.migrate("0.1.0", '{"exclamations": 3}'), '{"marks": 3}')
        self.assertEqual(Shout.__brick__.migrate("0.1.0", '{"marks": 3}'), '{"marks": 3}')

    def test_a_class_that_is_no_brick_is_told_why(self):
        def no_run(cls): ...

        def wrong_argument(self, picture: Quiet) -> None: ...

        def no_type(self, inputs): ...

        for body, hint in [
            ({}, "has a method `run"),
            ({"run": wrong_argument}, "takes `inputs`, `host` and `memory`"),
            ({"run": no_type}, "type of `inputs`"),
        ]:
            with self.subTest(hint), self.assertRaisesRegex(TypeError, hint):
                brick(id="me:wrong", label="Wrong", category="input")(type("Wrong", (), body))

    def test_each_problem_of_a_description_is_named(self):
        def described(**changes):
            class Changed:
                """Is good."""

                amount: float = param(3, max=changes.pop("max", 4))

                def run(self) -> None: ...

            good = {"id": "me:good", "label": "Good", "category": "input", "version": "0.1.0"}
            return problems(brick(**{**good, **changes})(Changed).__brick__)

        self.assertEqual(described(), [])
        for changes, hint in [
            ({"id": "Good"}, "id `Good`"),
            ({"version": "one"}, "version `one`"),
            ({"label": ""}, "label"),
            ({"doc": ""}, "docstring"),
            ({"category": "filter"}, "category `filter`"),
            ({"max": 2}, "default 3 is not allowed"),
        ]:
            with self.subTest(hint):
                self.assertIn(hint, "\n".join(described(**changes)))


class ErrorsTest(unittest.TestCase):
    def test_what_the_host_refuses_becomes_a_host_error_with_its_case(self):
        contract = Contract({}, Refusal)
        with self.assertRaises(HostError) as raised:
            contract.call(refusing(MediaError_TooLarge()))
        self.assertEqual((raised.exception.case, raised.exception.detail), ("too-large", 9))

    def test_host_errors_become_brick_errors(self):
        for error, case, hint in [
            (HostError("cancelled"), "cancelled", ""),
            (HostError("denied", "Not allowed."), "host", "Not allowed."),
            (HostError("model-missing", "sdxl"), "host", "`sdxl` is not installed"),
            (HostError("too-large", 9), "host", "9 bytes"),
        ]:
            with self.subTest(error):
                found = as_brick_error(error)
                self.assertEqual(found.case, case)
                self.assertIn(hint, found.problem)

    def test_a_mistake_in_the_brick_is_told_with_its_message_and_logged_with_its_place(self):
        log = io.StringIO()
        with contextlib.redirect_stderr(log):
            try:
                [][1]
            except IndexError as error:
                found = as_brick_error(error)
        self.assertEqual(found.case, "other")
        self.assertIn("IndexError: list index out of range", found.problem)
        self.assertIn("test_brick.py", log.getvalue())

    def test_what_brick_toml_does_not_ask_for_is_named_with_the_line_that_is_missing(self):
        host = Host(Contract({}, Refusal))
        with self.assertRaisesRegex(BrickError, 'add "qpyt:ai/models" to `uses`'):
            host.models.list_models()

    def test_progress_and_looking_for_a_cancel_end_the_run_once_the_person_stopped_the_job(self):
        context = types.SimpleNamespace(progress=lambda fraction, note: False, cancelled=lambda: True)
        host = Host(Contract({"qpyt:job/context": context}, Refusal))
        for call in (lambda: host.job.progress(0.5), host.job.check_cancelled):
            with self.assertRaises(BrickError) as raised:
                call()
            self.assertEqual(raised.exception.case, "cancelled")

    def test_a_case_that_the_contract_does_not_have_is_named_with_those_it_has(self):
        level = Enum("Level", ["INFO", "WARN"])
        context = types.SimpleNamespace(Level=level, log=lambda level, message: None)
        host = Host(Contract({"qpyt:job/context": context}, Refusal))
        host.job.log("info", "Fine.")
        with self.assertRaisesRegex(ValueError, "`loud` is none of info, warn"):
            host.job.log("loud", "Not fine.")

    def test_cases_have_the_contract_s_names(self):
        self.assertEqual(case_name(JobError_Cancelled()), "cancelled")
        self.assertEqual(case_name(MediaError_TooLarge()), "too-large")


class Raw:
    """A resource as componentize-py makes it, which can be let go of once."""

    open = 0

    def __init__(self):
        Raw.open += 1

    def crop(self, area):
        return Raw()

    def __exit__(self, kind, error, trace):
        Raw.open -= 1

    @staticmethod
    def freeze(canvas):
        canvas.__exit__(None, None, None)
        return Raw()


class HandlesTest(unittest.TestCase):
    def setUp(self):
        Raw.open = 0
        media = types.SimpleNamespace(Rect=lambda *area: area)
        modules = {"qpyt:media/types": media, "qpyt:media/image": types.SimpleNamespace(Canvas=Raw)}
        self.contract = Contract(modules, Refusal)

    def test_what_a_run_holds_on_to_is_let_go_of_at_its_end_and_what_it_gives_is_not(self):
        image = Image(Raw(), self.contract)
        kept = [image.crop((0, 0, 1, 1)), Canvas(Raw(), self.contract)]
        self.assertEqual(Raw.open, 3)
        image.hand_over()
        self.contract.close_handles()
        self.assertEqual(Raw.open, 1)
        self.assertEqual(len(kept), 2)

    def test_a_handle_is_let_go_of_once(self):
        with Image(Raw(), self.contract) as image:
            image.close()
        self.assertEqual(Raw.open, 0)
        canvas = Canvas(Raw(), self.contract)
        canvas.freeze().close()
        canvas.close()
        self.assertEqual(Raw.open, 0)

    def test_a_refusal_keeps_nothing_of_those_who_asked(self):
        def ask():
            image = Image(Raw(), self.contract)
            with self.assertRaises(HostError):
                self.contract.call(refusing(MediaError_TooLarge()))
            return weakref.ref(image)

        gc.disable()
        self.addCleanup(gc.enable)
        self.assertIsNone(ask()())


if __name__ == "__main__":
    unittest.main()
