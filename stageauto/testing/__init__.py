"""What the tests of a package with kinds of its own need: the conformance suite of channels, and scenarios.

Nothing of stageauto itself imports this, and it imports no test framework: the suite is classes with plain assertions,
which pytest collects where a test's class derives from one of them. See docs/reference/plugins.md.
"""

from stageauto.testing.channels import ChannelConformance, Rig
from stageauto.testing.making import NOW, make_channel, make_context, make_delivery, nothing
from stageauto.testing.providers import ProviderConformance, ProviderRig, is_perhaps
from stageauto.testing.scenarios import ScenarioResult, run_scenario

__all__ = [
    "NOW",
    "ChannelConformance",
    "ProviderConformance",
    "ProviderRig",
    "Rig",
    "ScenarioResult",
    "is_perhaps",
    "make_channel",
    "make_context",
    "make_delivery",
    "nothing",
    "run_scenario",
]
