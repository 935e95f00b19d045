"""Every kind of channel has an example in its docstring, which stands on its reference page: it loads as it is."""

from __future__ import annotations

import inspect
import re
import textwrap

import pytest

from stageauto import registry
from stageauto.channels.base import refuse_faults
from stageauto.loader.load import load
from tests.channels.support import NOW

KINDS = registry.channels()
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)")
SECRET = "1234567:a-secret-of-the-test"  # client number and key, for those who want both


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_of_a_channel_loads_without_a_diagnostic(kind: str) -> None:
    example = inspect.cleandoc(KINDS[kind].__doc__ or "").partition("Example:\n")[2]
    assert f"type: {kind}" in example
    written = textwrap.indent(textwrap.dedent(example), "  ")
    files = {
        "stageauto.yaml": f"stageauto: 1\ntimezone: Europe/Warsaw\nchannels:\n{written}\n",
        "pipelines/deals.yaml": "pipeline: deals\nstages: [{id: new}]\n",
    }
    found = load(files, env=dict.fromkeys(VARIABLE.findall(example), SECRET), now=NOW)
    assert [f"{one.line}: {one.message}" for one in found.diagnostics] == []
    assert found.workspace is not None
    channels = [one for one in found.workspace.channels.values() if one.type == kind]
    assert channels
    for one in channels:
        refuse_faults(KINDS[kind], one)
        assert SECRET not in repr(one)
