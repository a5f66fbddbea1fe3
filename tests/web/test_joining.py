"""The modules of a page are served as one script, which does what they do."""

import shutil
import subprocess

import pytest

from tornado_app.web.joining import joined

NODE = shutil.which("node")


def test_a_name_is_another_modules_only_where_it_is_imported(tmp_path):
    """Each runs once, before those that import it, whatever it calls its own things."""
    if NODE is None:
        pytest.skip("there is no node")
    modules = {
        "main.js": 'import { twice } from "./twice.js";\n'
        'import * as words from "./words.js";\n'
        'import { sep } from "node:path";\n'
        "const own = 1;\n"
        "console.log(own, twice(own), words.greeting(), words.Loud.name, sep);\n",
        "twice.js": 'import { log } from "./words.js";\n'
        "const own = 2;\nlog();\nexport const twice = (number) => own * number;\n",
        "words.js": "const own = 3;\nexport function greeting() {\n  return `hello ${own}`;\n}\n"
        "export class Loud {}\nexport async function late() {}\n"
        'export const log = () => console.log("once");\n',
    }
    script = tmp_path / "page.mjs"
    script.write_text(joined("main.js", modules.__getitem__))
    told = subprocess.run([NODE, script], capture_output=True, text=True, check=True)

    assert "once\n1 2 hello 3 Loud /\n" == told.stdout


@pytest.mark.parametrize(
    "line",
    [
        *("export default 1;", "export let a = 1;", "export { a };", 'export * from "./b.js";'),
        *('import a from "./b.js";', "import {", 'import { a as b } from "./b.js";'),
    ],
)
def test_what_cannot_be_joined_is_refused_when_the_server_starts(line):
    """And not found by somebody whose page does not work."""
    with pytest.raises(ValueError, match=r"main\.js has a line that cannot be joined"):
        joined("main.js", {"main.js": f"{line}\n", "b.js": ""}.__getitem__)


def test_a_circle_is_refused():
    """Neither of two modules could run before the other."""
    modules = {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}
    with pytest.raises(ValueError, match=r"a\.js -> b\.js -> a\.js is a circle"):
        joined("a.js", modules.__getitem__)
