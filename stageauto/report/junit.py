"""The results of scenarios as JUnit XML, as Jenkins, GitLab and GitHub read it: https://github.com/testmoapp/junitxml."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from stageauto.runner.scenario import Missed, Result


def junit(results: Sequence[Result]) -> str:
    """The document; times are those that the scenarios really took, in seconds."""
    counts: dict[str, str] = {
        "tests": str(len(results)),
        "failures": str(sum(one.outcome == "failed" for one in results)),
        "errors": str(sum(one.outcome == "error" for one in results)),
        "time": _seconds(sum(one.took for one in results)),
    }
    suites = ET.Element("testsuites", {"name": "stageauto", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": "scenarios", "skipped": "0", **counts})
    for one in results:
        file = _xml_safe(one.file)
        case = ET.SubElement(
            suite, "testcase", classname=file, name=_xml_safe(one.scenario), file=file, time=_seconds(one.took)
        )
        for missed in one.failures:
            kind = "error" if one.outcome == "error" else "failure"
            ET.SubElement(case, kind, message=_xml_safe(missed.message), type=kind).text = _xml_safe(_told(missed))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _told(missed: Missed) -> str:
    lines = [f"{missed.place.file}:{missed.place.line}"]
    lines += [f"expected {missed.expected}"] if missed.expected else []
    return "\n".join([*lines, *missed.found])


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"


def _xml_safe(text: str) -> str:
    """What XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets) as a question mark."""
    return "".join(one if _is_char(ord(one)) else "?" for one in text)


def _is_char(code: int) -> bool:
    return code in {9, 10} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
