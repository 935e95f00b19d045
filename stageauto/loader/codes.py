"""Every code that a diagnostic may have, with what it means. Codes are stable: scripts and tests rely on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

CODES: Final[Mapping[str, str]] = {
    # the text of a file
    "missing-file": "There is no stageauto.yaml.",
    "not-utf8": "The file is no UTF-8 text.",
    "too-large": "The file is over 1 MiB or holds too many values.",
    "empty-file": "The file holds nothing.",
    "bad-yaml": "The text is no YAML.",
    "many-documents": "The file holds more than one YAML document.",
    "too-deep": "The YAML is nested over 100 levels deep.",
    "tag-refused": "YAML tags are refused.",
    "merge-refused": "Merge keys (`<<`) are refused: they are no part of YAML 1.2.",
    "unknown-alias": "An alias names no anchor above it.",
    "recursive-alias": "An alias stands inside what it names.",
    "alias-bomb": "The aliases expand past 10,000 nodes.",
    "bad-key": "A key is missing or is no text.",
    "bad-numbering": "A pattern of document numbers without its {n}, or with something unknown in braces.",
    "bad-number": "A number that nothing can count with.",
    "duplicate-key": "A key stands twice in one mapping.",
    # shape
    "unknown-key": "A key that means nothing there.",
    "missing-key": "A key that must be there is not.",
    "wrong-type": "A value of the wrong kind: a list instead of text, and so on.",
    "bad-choice": "A value that is not one of the words allowed.",
    "bad-id": "An id or name with characters that names do not have.",
    "out-of-range": "A number that is too small or too large.",
    "wrong-size": "A list or mapping with too few or too many entries.",
    "duplicate-id": "Two pipelines, stages, rules, triggers, intake entries or given things have one id.",
    "reserved-name": "A name that has a meaning of its own.",
    "no-effect": "Something that changes nothing where it stands.",
    # the environment
    "missing-variable": "A variable that the environment does not have.",
    "bad-variable": "A `${...}` that is no reference to a variable.",
    "plain-secret": "A password or secret that stands in the file itself.",
    # names
    "unknown-action": "There is no such action.",
    "unknown-event": "There is no such event.",
    "unknown-where": "The event has no such data to compare with.",
    "unknown-field": "The pipeline has no such field.",
    "unknown-stage": "There is no such stage.",
    "unknown-rule": "There is no such rule there.",
    "unknown-pipeline": "There is no such pipeline.",
    "unknown-user": "There is no such user.",
    "unknown-role": "There is no such role.",
    "unknown-calendar": "There is no such calendar.",
    "unknown-channel": "There is no such channel.",
    "unknown-channel-type": "There is no such type of channel.",
    "bad-channel": "The options of a channel that can never send.",
    "unknown-resource": "There is no such resource.",
    "unknown-audience": "There is no such audience.",
    "unknown-form": "There is no such form.",
    "unknown-hook": "There is no such hook.",
    "unknown-file": "There is no such file under templates/.",
    "unknown-template": "There is no such file under templates/.",
    "unknown-tag": "A tag in a document's HTML that cannot be printed; its text is kept.",
    "unknown-timezone": "There is no such time zone.",
    "unknown-plugin": "The plugin is not installed.",
    "bad-plugin": "The plugin brings something that cannot be used.",
    "unknown-name": "A template or condition reads something that is not there.",
    "unknown-item": "A scenario names an item that is not given.",
    "unknown-contact": "A scenario names a contact that is not given.",
    "unknown-company": "A scenario names a company that is not given.",
    # values
    "bad-template": "A template that cannot be compiled.",
    "bad-condition": "A condition that cannot be compiled.",
    "bad-duration": "Something that is no duration.",
    "bad-time": "Something that is no local time.",
    "bad-cron": "A cron expression that cannot be read or never matches.",
    "bad-rate": "Something that is no rate.",
    "bad-url": "An address that leads nowhere.",
    "bad-network": "Something that is no network.",
    "bad-pattern": "A regular expression that cannot be read.",
    "bad-default": "The default does not fit the field.",
    "bad-value": "A constant does not fit the field it is written to.",
    "channel-kind": "A channel of another kind than is wanted there.",
    "bad-recipient": "Somebody whom this cannot go to.",
    "bad-alphabet": "An alphabet that no code can be made of.",
    "bad-header": "A header that cannot be sent.",
    "bad-timezone": "Something that is no time zone.",
    "field-type": "A field of the wrong type.",
    "built-in-field": "A field has the name of a built-in one.",
    "read-only-field": "A field that only the engine writes.",
    "choose-one": "Options of which exactly one must be there.",
    "text-too-long": "A text that can never be sent, since its fixed part is too long already.",
    # time
    "bad-when": "A `when` that does not say one moment.",
    "not-a-date": "Timing on a field that is no date.",
    "time-skipped": "A fixed local time that the clocks skip in spring.",
    "own-time": "A `when` at an action that has its own time.",
    "no-working-calendar": "Working days or hours without a calendar `working`.",
    "bad-calendar": "A calendar that cannot be read.",
    "calendar-closed": "A calendar without open time in the next two years.",
    "bad-repeat": "A `repeat` that cannot be counted.",
    "keep-repeat": "`on_leave: keep` together with `repeat`.",
    # chains
    "chain-no-previous": "`after: previous` without an enabled rule above.",
    "chain-itself": "A rule waits for itself.",
    "chain-circle": "Rules wait for each other in a circle.",
    "chain-other-stage": "A rule waits for a rule of another stage.",
    "chain-disabled": "A rule waits for a disabled one.",
    "chain-endless": "A rule waits for one that repeats without end.",
    "result-not-earlier": "A rule reads the result of itself or of one that begins after it.",
    # triggers
    "only-schedule": "`cron` or `from` at an event other than `schedule`.",
    "only-back": "A schedule trigger that could only move items back, and may not.",
    "bad-event": "An event that cannot be used there.",
    "moved-not-gone": "`moved` or `renamed` from something that is still there.",
    # the whole
    "own-manager": "A user who is their own manager.",
    "no-link": "Words that bring somebody a document, without the link to it.",
    "no-base-url": "Something that needs the address of the listener, and there is no `base_url`.",
    "no-mailbox": "Mails leave from the responsible's mailbox, and nobody has one.",
    "no-pipeline": "There is no pipeline yet.",
    "bad-step": "A step of a scenario that does not do exactly one thing.",
}


class LintCode(NamedTuple):
    """What a finding of the lint means, and how much it matters: a warning, or something to know (info)."""

    severity: str
    meaning: str


LINT_CODES: Final[Mapping[str, LintCode]] = {
    "circle": LintCode("warning", "Stage changes go round by themselves until the loop guard stops them."),
    "circle-maybe": LintCode("info", "Stage changes go round by themselves if all their conditions can hold."),
    "stage-unreachable": LintCode("info", "Only people can bring items into the stage."),
    "stage-stuck": LintCode("info", "Only people can bring items out of the stage."),
    "trigger-blocked": LintCode("warning", "There is no stage from which the trigger may move an item."),
    "trigger-shadowed": LintCode("warning", "Another trigger always takes the events first."),
    "intake-shadowed": LintCode("warning", "An intake entry above always takes the events first."),
    "rule-never-runs": LintCode("warning", "The item has surely left the stage before the rule is due."),
    "constant-condition": LintCode("warning", "A condition is always true or always false."),
    "sms-too-long": LintCode("warning", "A text message becomes too long with values that are possible."),
    "sms-may-be-long": LintCode("info", "A text message may become too long, as far as can be estimated."),
    "no-user-mailbox": LintCode("info", "A user has no mailbox to send from."),
    "date-past": LintCode("warning", "A fixed date is past."),
    "time-in-gap": LintCode("warning", "A time on a fixed date is skipped by the clocks."),
    "window-in-gap": LintCode("info", "A calendar opens or closes at a time that the clocks skip."),
    "field-never-read": LintCode("info", "A field is written, and only people can read it."),
    "field-never-written": LintCode("info", "A field is read, and only people can write it."),
    "renamed-silently": LintCode("warning", "A rule or trigger seems to have a new id, and `renamed` does not say so."),
    "unknown-ignore": LintCode("warning", "A comment ignores a code that there is not."),
    "unused-ignore": LintCode("warning", "A comment ignores a finding that there is not."),
}
"""Codes of the lint, which `validate` adds where nothing is an error."""
