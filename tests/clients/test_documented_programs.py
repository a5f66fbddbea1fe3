"""The programs of docs/local-model.md, as they stand there."""

import re
import sys
from pathlib import Path

import pytest

from tests.clients.node_client import NODE_MODULES, needs_node_client
from tests.clients.program import output_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "local-model.md"
SECTION = re.compile(r"^## With stock clients\n(.*?)^## ", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"^```(python|js)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def programs():
    """The programs in order; that of Node is run where it can be."""
    section = SECTION.search(DOCUMENT.read_text())[1]
    return [
        pytest.param(language, text, marks=[needs_node_client] if language == "js" else [])
        for language, text in PROGRAM.findall(section)
    ]


@pytest.mark.gen_test
@pytest.mark.parametrize(("language", "text"), programs(), ids=["openai", "agents", "node"])
async def test_it_prints_what_the_document_says(speaking, tmp_path, language, text):
    """And nothing else."""
    text = text.replace("127.0.0.1:8766", speaking.address).replace("any-key", speaking.key)
    script = tmp_path / f"program.{'mjs' if language == 'js' else 'py'}"
    script.write_text(text)
    if language == "js":
        (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    interpreter = "node" if language == "js" else sys.executable

    assert await output_of(interpreter, script) == ("2 plus 2 is 4.\n", "")
