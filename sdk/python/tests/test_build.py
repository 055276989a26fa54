"""From a brick's folder to what componentize-py is given; the whole way is walked by the tests of the host."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from qpyt_brick import host, media
from qpyt_brick.build import BuildError, build
from qpyt_brick.build.world import read_contract, write_world

KIT = Path(__file__).resolve().parents[1]
WIT = KIT.parents[1] / "wit"

BRICK = {
    "brick.toml": '[brick]\nwasm = "good.wasm"\nuses = []\n',
    "pyproject.toml": '[project]\nversion = "0.1.0"\n',
    "brick.py": '''
from qpyt_brick import brick

@brick(id="me:good", label="Good", category="input")
class Good:
    """Is good."""

    def run(self) -> None: ...
''',
}


class BuildTest(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name)

    def write(self, files: dict[str, str]) -> Path:
        for name, content in files.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(content)
        return self.folder

    def test_the_world_imports_media_and_what_is_used_and_nothing_else(self):
        write_world(self.folder / "wit", ["qpyt:job/context"])
        world = (self.folder / "wit/world.wit").read_text()
        self.assertEqual(
            re.findall(r"(?:import|export) [a-z:/-]+", world),
            [
                "import qpyt:media/image",
                "import qpyt:media/tensor",
                "import qpyt:job/context",
                "export qpyt:brick/describe",
                "export qpyt:brick/run",
            ],
        )

    def test_the_world_exports_what_a_brick_does_beyond_running(self):
        write_world(self.folder / "wit", [], exported=["state", "migrate"])
        world = (self.folder / "wit/world.wit").read_text()
        self.assertEqual(re.findall(r"export qpyt:brick/(\w+)", world), ["describe", "run", "state", "migrate"])

    def test_an_interface_that_is_not_there_is_named_with_those_that_are(self):
        with self.assertRaisesRegex(BuildError, "`qpyt:ai/magic`.*qpyt:ai/imaging"):
            write_world(self.folder / "wit", ["qpyt:ai/magic"])
        with self.assertRaisesRegex(BuildError, "holds no contract"):
            read_contract(self.folder)

    def test_every_function_of_the_contract_is_there(self):
        kit = Path(media.__file__).read_text() + Path(host.__file__).read_text()
        renamed = {"deadline-ms": "milliseconds_left", "cancelled": "check_cancelled", "from-image": "tensor_from_image"}
        functions = [
            name
            for package in ("media", "job", "ai", "store")
            for file in (WIT / package).glob("*.wit")
            for name in re.findall(r"^\s+%?([a-z-]+): (?:static )?func", file.read_text(), re.MULTILINE)
            # A canvas and a tensor are made by `Media.canvas` and `Media.tensor`.
            if name != "create"
        ]
        self.assertGreater(len(functions), 20)
        for name in functions:
            self.assertIn(f"def {renamed.get(name, name.replace('-', '_'))}(", kit)

    def test_what_an_author_can_put_right_is_said_before_the_component_is_made(self):
        for change, hint in [
            ({"brick.toml": "[brick]\n"}, "file name"),
            ({"brick.toml": "[brick\n"}, r"brick\.toml: "),
            ({"brick.toml": '[brick]\nwasm = "a.wasm"\nuses = "all"'}, "list of interfaces"),
            ({"pyproject.toml": "["}, r"pyproject\.toml: "),
            ({"pyproject.toml": '[tool.qpyt]\nmain = "gone.py"'}, "gone.py is not there"),
            ({"brick.py": "class"}, "invalid syntax"),
            ({"brick.py": "raise RuntimeError('too early')"}, "too early"),
            ({"brick.py": ""}, "holds no brick"),
            ({"brick.py": BRICK["brick.py"].replace('"""Is good."""', "")}, "docstring: there is none"),
        ]:
            with self.subTest(hint), self.assertRaisesRegex(BuildError, hint):
                build(self.write({**BRICK, **change}))

    def test_a_folder_without_a_brick_toml_is_named(self):
        with self.assertRaisesRegex(BuildError, r"brick\.toml can't be read"):
            build(self.folder)

    def test_without_componentize_py_the_build_says_how_to_install_it(self):
        command = [sys.executable, "-S", "-m", "qpyt_brick", "build", str(self.write(BRICK))]
        done = subprocess.run(command, cwd=KIT, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"-m pip install componentize-py==\d")


if __name__ == "__main__":
    unittest.main()
