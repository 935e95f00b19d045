"""stageauto.yaml: from its YAML to calendars, users, roles, channels, limits and the rest of the workspace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from stageauto.engine.calendars import Calendar, CalendarError, compile_calendar
from stageauto.engine.model import EMPTY, Limits, Resource, Retry, User
from stageauto.engine.scalars import source_text
from stageauto.loader import shapes
from stageauto.loader.check import check, compile_fits
from stageauto.loader.diagnostics import ERROR, WARNING, shown, suggest
from stageauto.loader.environment import Environment
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Path, Report, Source, Spot
from stageauto.loader.timing import read_retry
from stageauto.loader.wording import FIRST, gaps, languages, words
from stageauto.loader.yaml import Map

FILE: Final = "stageauto.yaml"
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_PER_DAY: Final = re.compile(r"([1-9][0-9]{0,5}) */ *(?:d|day)", re.ASCII)
_COLOR: Final = re.compile(r"#?[0-9a-f]{6}", re.ASCII | re.IGNORECASE)
_CHAT_ID: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_SECRET_KEY: Final = re.compile(r"(?:.*[_-])?(?:password|secret|token|api[_-]?key|authorization)", re.IGNORECASE)
_PLACEHOLDERS: Final = re.compile(r"(?:\{[A-Za-z_]+\}|[^\w{}])*", re.ASCII)
LOGOS: Final = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")
"""The endings of pictures that can stand above the pages."""
_SECTIONS: Final = ("calendars", "users", "roles", "channels", "resources", "audiences", "forms", "hooks", "vars")
# Each section's own entries are checked one by one, so that one bad entry does not hide the others.
_TOP: Final[dict[str, Any]] = {
    **shapes.WORKSPACE,
    "properties": {
        name: {"type": "object"} if name in {*_SECTIONS, "limits", "network", "web", "signing"} else schema
        for name, schema in shapes.WORKSPACE["properties"].items()
    },
}

_RECIPIENTS: Final = ("customer", "responsible", "manager")

_LIMITS: Final[dict[str, Any]] = {
    **shapes.LIMITS,
    "properties": {**shapes.LIMITS["properties"], "retry": {"type": "object"}},
}


@dataclass(slots=True)
class Settings:
    """What stageauto.yaml says, as far as it could be read. `names` has each section's names, bad entries included."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    timezone: str = "UTC"
    state: str = ".stageauto/state.db"
    base_url: str = ""
    web: Mapping[str, Any] = EMPTY
    signing: Mapping[str, Any] = EMPTY
    calendars: dict[str, Calendar] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    roles: dict[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    audiences: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    forms: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    hooks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    allow_private: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    vars: Mapping[str, Any] = EMPTY
    channels_raw: Map | None = None
    names: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class SettingsReader:
    """Reads stageauto.yaml; `now` (ms UTC) is from when a calendar must have open time."""

    report: Report
    source: Source
    environment: Environment
    calendar_files: Mapping[str, str]
    now: int
    files_present: Callable[[str], bool] | None = None
    settings: Settings = field(default_factory=Settings)

    @property
    def spot(self) -> Spot:
        """The file."""
        return Spot(self.report, self.source)

    def read(self) -> Settings:
        """All that could be read."""
        settings = self.settings
        if not isinstance(self.source.root, Map):
            if not self.source.faults:
                check(self.spot, self.source.root, _TOP)
            return settings
        raw = self.environment.expanded(self.spot, self.source.root)
        bad = check(self.spot, raw, _TOP)
        if bad is None:  # a key is missing as well, which says nothing of those that are there
            bad = {key for key, value in raw.items() if not compile_fits(_TOP["properties"].get(key, {}))(value)}
        for section in _SECTIONS:
            settings.names[section] = (
                frozenset(raw.get(section) or ()) if isinstance(raw.get(section), Map) else frozenset()
            )
        usable = {key: value for key, value in raw.items() if key not in bad and key in _TOP["properties"]}
        for section in ("channels", "hooks", "web", "signing"):
            self._plain_secrets(self.source.root.get(section), (section,))
        self._zone(usable)
        settings.state = source_text(usable.get("state", settings.state))
        settings.plugins = tuple(source_text(one) for one in usable.get("plugins", ()))
        for section in ("calendars", "resources", "users", "roles", "forms", "hooks", "audiences"):
            if section in usable:
                self._section(section, usable[section])
        settings.channels_raw = usable.get("channels")
        if "vars" in usable:
            bad_names = check(self.spot.at("vars"), usable["vars"], shapes.WORKSPACE["properties"]["vars"]) or set()
            settings.vars = MappingProxyType({k: v for k, v in usable["vars"].items() if k not in bad_names})
        for section in ("limits", "network", "web", "signing"):
            if section in usable:
                getattr(self, f"_{section}")(usable[section])
        if "base_url" in usable:
            self._base_url(source_text(usable["base_url"]))
        return settings

    def _plain_secrets(self, raw: Any, path: Path) -> None:
        """Refuses passwords that stand in the file: it is read by many, and its text is kept with each version."""
        if not isinstance(raw, Map):
            return
        for key, value in raw.items():
            if isinstance(value, Map):
                self._plain_secrets(value, (*path, key))
            elif _is_secret(key, raw) and isinstance(value, str | int | float) and _is_plain(source_text(value)):
                self.environment.used.add(source_text(value))  # the source line is shown without it
                self.environment.hidden.add(source_text(value))
                message = f"`{key}` stands in the file itself, for everybody who reads it"
                name = re.sub(r"[^A-Za-z0-9]+", "_", f"{path[-1]}_{key}").upper()
                hint = f'write `{key}: "${{{name}}}"`, and `{name}=...` into `.env` beside the file or the environment'
                # The address of an Apprise service may hold a token and may not; of the others there is no doubt.
                severity = ERROR if _SECRET_KEY.fullmatch(key) else WARNING
                self.spot.fault("plain-secret", message, (*path, key), hint=hint, severity=severity, on_key=True)

    def _base_url(self, text: str) -> None:
        wrong = wrong_base_url(text, self.settings.allow_private)
        if wrong:
            hint = "write it like https://crm.acme.test; http:// only for this machine or an allowed private net"
            self.spot.fault("bad-url", f"{shown(text)} {wrong}", ("base_url",), hint=hint)
            return
        self.settings.base_url = text.rstrip("/")

    def _zone(self, raw: Mapping[str, Any]) -> None:
        if "timezone" not in raw:
            return
        name = source_text(raw["timezone"])
        zone = _zone_named(name)
        if zone is None:
            from zoneinfo import available_timezones

            hint = suggest(name, available_timezones()) if name else ""
            hint = hint if hint.startswith("did") else "write an IANA name such as Europe/Warsaw"
            self.spot.fault("unknown-timezone", f"there is no time zone {shown(name)}", ("timezone",), hint=hint)
            return
        self.settings.zone, self.settings.timezone = zone, name

    def _section(self, section: str, raw: Map) -> None:
        spot = self.spot.at(section)
        bad_names = check(spot, raw, {"propertyNames": {"pattern": shapes.ID}}) or set()
        one_schema = shapes.WORKSPACE["properties"][section]["additionalProperties"]
        maker = getattr(self, f"_{section}")
        for name, one in raw.items():
            if name in bad_names:
                continue
            kept = fitting(spot.at(name), one, one_schema)
            if kept is not None:
                maker(spot.at(name), name, kept)

    def _calendars(self, spot: Spot, name: str, raw: Map) -> None:
        if name == "responsible":
            hint = "`hours: responsible` means the user's own calendar; give this one another name"
            spot.fault("reserved-name", "a calendar cannot be called `responsible`", hint=hint, on_key=True)
            return
        calendar = self._calendar(spot, name, raw)
        if calendar is None:
            return
        if not calendar.has_open_time(self.now):
            message = f"the calendar `{name}` has no open time in the next two years"
            spot.fault("calendar-closed", message, hint="give it a day with open hours", on_key=True)
            return
        self.settings.calendars[name] = calendar

    def _calendar(self, spot: Spot, name: str, raw: Map) -> Calendar | None:
        """The calendar, or None; all that is wrong with it is reported, not the first fault alone."""
        rest, found = dict(raw), False
        while True:
            try:
                calendar = compile_calendar(name, rest, self.settings.zone, ics=self.calendar_files)
            except CalendarError as error:
                at: Path = tuple(error.key.split(".")) if error.key else ()
                there = spot.source.value((*spot.path, *at)) is not None
                if at or not found:
                    spot.fault("bad-calendar", error.message, at if there else (), hint=error.hint)
                found = True
                if at and there:
                    rest = _without(rest, at)
                elif "daily" not in rest and not at:
                    rest["daily"] = "00:00-24:00"  # never open, so that the holidays are looked at as well
                else:
                    return None
            else:
                return None if found else calendar

    def _resources(self, _spot: Spot, name: str, raw: Map) -> None:
        self.settings.resources[name] = Resource(name, source_text(raw.get("name", name)), int(raw.get("capacity", 1)))

    def _users(self, spot: Spot, name: str, raw: Map) -> None:
        names = self.settings.names
        if name in _RECIPIENTS:
            message = f"`to: {name}` is never this user: it has a meaning of its own"
            hint = f"give the user another id, or write {{user: {name}}} everywhere"
            spot.fault("reserved-name", message, hint=hint, severity=WARNING, on_key=True)
        self._known(spot, raw, "manager", "user", names["users"])
        self._known(spot, raw, "calendar", "calendar", names["calendars"])
        self._known(spot, raw, "mailbox", "channel", {*names["channels"], *shapes.STANDARD_CHANNELS})
        for key, what, known in (
            ("roles", "role", names["roles"]),
            ("notify", "channel", frozenset({*names["channels"], *shapes.STANDARD_CHANNELS})),
        ):
            for index, one in enumerate(raw.get(key, ())):
                _unknown(spot, what, source_text(one), known, (key, index))
        if raw.get("manager") == name:
            spot.fault(
                "own-manager", f"`{name}` is their own manager", ("manager",), hint="name another user, or leave it out"
            )
        self.settings.users[name] = User(
            id=name,
            name=source_text(raw.get("name", name)),
            email=source_text(raw.get("email", "")),
            phone=source_text(raw.get("phone", "")),
            roles=tuple(source_text(one) for one in raw.get("roles", ())),
            manager=_text_or_none(raw, "manager"),
            mailbox=_text_or_none(raw, "mailbox"),
            calendar=_text_or_none(raw, "calendar"),
            os_user=_text_or_none(raw, "os_user"),
            notify=tuple(source_text(one) for one in raw.get("notify", ())),
            telegram=self._telegram(spot, source_text(raw.get("telegram", ""))),
            calendar_url=self._calendar_url(spot, source_text(raw.get("calendar_url", ""))),
        )

    @staticmethod
    def _telegram(spot: Spot, text: str) -> str:
        chat = text.removeprefix("telegram:")
        if chat and not _CHAT_ID.fullmatch(chat):
            hint = "write the number of their chat with the bot, such as 123456789: a bot cannot write to a name"
            spot.fault("bad-id", f"{shown(text)} is no chat of Telegram", ("telegram",), hint=hint)
        return chat

    @staticmethod
    def _calendar_url(spot: Spot, text: str) -> str:
        hint = "write it like https://dav.acme.test/anna/work/"
        if text and not text.startswith(("https://", "http://")):
            spot.fault("bad-url", f"{shown(text)} is no address of a calendar", ("calendar_url",), hint=hint)
        elif text and "@" in text.split("/")[2]:
            hint += ", and the login with the channel `calendar`"
            spot.fault("bad-url", "the address of the calendar holds a login", ("calendar_url",), hint=hint)
        return text

    def _known(self, spot: Spot, raw: Map, key: str, what: str, known: Iterable[str]) -> None:
        if key in raw:
            _unknown(spot, what, source_text(raw[key]), known, (key,))

    def _roles(self, _spot: Spot, name: str, raw: Map) -> None:
        self.settings.roles[name] = MappingProxyType({key: frozenset(one) for key, one in raw.items()})

    def _forms(self, spot: Spot, name: str, raw: Map) -> None:
        redirect = source_text(raw.get("redirect", ""))
        if redirect and not redirect.startswith(("https://", "http://", "/")):
            hint = "write a path or an address that begins with https://"
            spot.fault("bad-url", f"{shown(redirect)} is no place to go to", ("redirect",), hint=hint)
        fields = tuple(source_text(one) for one in raw.get("fields", ()))
        if not fields:
            message, hint = "a form without `fields` takes nothing", "fields: [name, email, message]"
            spot.fault("no-effect", message, (), hint=hint, severity=WARNING)
        for key in ("required", "labels", "choices", "ticks"):
            for index, one in enumerate(raw.get(key, ())):
                at = index if key in ("required", "ticks") else source_text(one)
                _unknown(spot, "field", source_text(one), fields, (key, at))
        self._origins(spot, raw.get("origins", ()))
        given = ("kind", "title", "text", "button", "thanks", "language")
        kept = {key: source_text(raw[key]) for key in given if key in raw}
        if "language" in kept:
            self._spoken(spot, kept["language"], self._own_texts(), ("language",))
        self.settings.forms[name] = MappingProxyType(
            {
                "fields": fields,
                "redirect": redirect,
                "required": tuple(source_text(one) for one in raw.get("required", ())),
                "labels": MappingProxyType({key: source_text(one) for key, one in raw.get("labels", {}).items()}),
                "origins": tuple(source_text(one) for one in raw.get("origins", ())),
                "ticks": tuple(source_text(one) for one in raw.get("ticks", ())),
                "choices": MappingProxyType(
                    {key: tuple(source_text(each) for each in one) for key, one in raw.get("choices", {}).items()}
                ),
                **kept,
            }
        )

    def _origins(self, spot: Spot, raw: Iterable[Any]) -> None:
        """Reports what is no origin of the web (RFC 6454): a scheme, a host, perhaps a port."""
        for index, one in enumerate(raw):
            text = source_text(one)
            parts = urlsplit(text)
            if parts.scheme not in ("http", "https") or not parts.netloc or text != f"{parts.scheme}://{parts.netloc}":
                hint = "write a scheme and a host, and no path: https://acme.test"
                spot.fault("bad-url", f"{shown(text)} is no origin", ("origins", index), hint=hint)

    def _signing(self, raw: Map) -> None:
        kept = fitting(self.spot.at("signing"), raw, shapes.WORKSPACE["properties"]["signing"])
        if kept is not None:
            self.settings.signing = MappingProxyType(self.environment.sealed(dict(kept)))

    def _web(self, raw: Map) -> None:
        spot = self.spot.at("web")
        kept = fitting(spot, raw, shapes.WORKSPACE["properties"]["web"])
        if kept is None:
            return
        for index, one in enumerate(kept.get("forwarded", ())):
            if not _is_network(source_text(one)):
                hint = "write the address or the net of your proxy: 127.0.0.1 or 10.0.5.0/24"
                spot.fault("bad-network", f"{shown(one)} is no network", ("forwarded", index), hint=hint)
        self._origins(spot, kept.get("origins", ()))
        self._pages(spot, kept)
        self.settings.web = MappingProxyType(self.environment.sealed(dict(kept)))

    def _pages(self, spot: Spot, kept: Map) -> None:
        """What the pages look like and say."""
        logo = source_text(kept.get("logo", ""))
        if logo and not logo.lower().endswith(LOGOS):
            hint = "take a picture below templates/: files/logo.svg"
            spot.fault("bad-choice", f"{shown(logo)} is no picture ({', '.join(LOGOS)})", ("logo",), hint=hint)
        elif logo and self.files_present is not None and not self.files_present(f"templates/{logo}"):
            spot.fault("unknown-file", f"there is no file {shown(f'templates/{logo}')}", ("logo",))
        color = source_text(kept.get("color", ""))
        if color and not _COLOR.fullmatch(color):
            spot.fault(
                "bad-choice", f"{shown(color)} is no colour", ("color",), hint='write it like "#1f5fbf", in quotes'
            )
        for word, target in kept.get("links", {}).items():
            if not source_text(target).startswith(("https://", "http://", "mailto:", "tel:")):
                hint = "write an address that begins with https://, mailto: or tel:"
                spot.fault("bad-url", f"{shown(target)} is no place to go to", ("links", word), hint=hint)
        texts = kept.get("texts", {})
        if "language" in kept:
            self._spoken(spot, source_text(kept["language"]), texts, ("language",))
        for language, changed in texts.items():
            known = words(FIRST)
            for name, text in changed.items():
                at = ("texts", source_text(language), source_text(name))
                lost = gaps(source_text(text)) - gaps(known[source_text(name)])
                if lost:
                    message = f"this text has nothing to fill {{{min(lost)}}} in with"
                    spot.fault("unknown-name", message, at, hint=f"as it comes along: {known[source_text(name)]}")

    def _own_texts(self) -> Iterable[Any]:
        """The languages that the admin added words of."""
        web = self.source.root.get("web") if isinstance(self.source.root, Map) else None
        texts = web.get("texts") if isinstance(web, Map) else None
        return texts if isinstance(texts, Map) else ()

    def _spoken(self, spot: Spot, language: str, texts: Iterable[Any], at: Path) -> None:
        """Reports a language in which the pages have no words."""
        known = {*languages(), *map(source_text, texts)}
        if language not in known:
            hint = f"there is {', '.join(sorted(known))}; others by `web.texts`"
            spot.fault("bad-choice", f"the pages do not speak {shown(language)}", at, hint=hint)

    def _hooks(self, spot: Spot, name: str, raw: Map) -> None:
        written = self.source.root["hooks"][name] if isinstance(self.source.root, Map) else raw
        if not written.get("secret"):  # one that the environment lacks is told of already
            message = f"the hook `{name}` has no `secret`: every call of it is refused"
            spot.fault("missing-key", message, hint="add `secret: ${NAME}`", severity=WARNING, missing=True)
        self.settings.hooks[name] = MappingProxyType(self.environment.sealed(dict(raw)))

    def _audiences(self, spot: Spot, name: str, raw: Map) -> None:
        channel = source_text(self.environment.opened(raw["channel"]))
        _unknown(spot, "channel", channel, {*self.settings.names["channels"], *shapes.AUDIENCE_CHANNELS}, ("channel",))
        sealed = {key: self.environment.sealed(value) for key, value in raw.items()}
        self.settings.audiences[name] = MappingProxyType({**sealed, "channel": channel})

    def _limits(self, raw: Map) -> None:
        spot = self.spot.at("limits")
        kept = fitting(spot, raw, _LIMITS)
        if kept is None:
            return
        default = Limits()
        quiet, kinds = self._quiet(spot.at("quiet_hours"), kept.get("quiet_hours"))
        self.settings.limits = Limits(
            automatic_moves=int(kept.get("automatic_moves", default.automatic_moves)),
            moves_per_day=int(kept.get("moves_per_day", default.moves_per_day)),
            messages_per_contact=_per_day(spot, kept.get("messages_per_contact")),
            quiet=quiet,
            quiet_channels=kinds,
            retry=read_retry(spot.at("retry"), kept.get("retry"), Retry()),
        )

    def _quiet(self, spot: Spot, raw: Any) -> tuple[tuple[int, int] | None, frozenset[str]]:
        if raw is None:
            return None, frozenset()
        minutes = []
        for index, one in enumerate(raw["between"]):
            match = _TIME.fullmatch(source_text(one))
            if match is None:
                spot.fault(
                    "bad-time",
                    f"{shown(one)} is no local time of day",
                    ("between", index),
                    hint='write it like "21:00"',
                )
                return None, frozenset()
            minutes.append(int(match[1]) * 60 + int(match[2]) if match[1] else 1440)
        start, end = minutes[0] % 1440, minutes[1] % 1440
        if start == end:
            spot.fault(
                "bad-time", "quiet hours cannot be the whole day", ("between",), hint='write it like ["21:00", "08:00"]'
            )
            return None, frozenset()
        return (start, end), frozenset(raw.get("channels", shapes.MESSAGE_KINDS))

    def _network(self, raw: Map) -> None:
        spot = self.spot.at("network")
        kept = fitting(spot, raw, shapes.WORKSPACE["properties"]["network"])
        if kept is None:
            return
        listed = []
        for index, one in enumerate(kept.get("allow_private", ())):
            text = source_text(one)
            if _is_network(text):
                listed.append(text)
            else:
                hint = "write it like 10.0.5.0/24:8080 or 127.0.0.1:9000"
                spot.fault("bad-network", f"{shown(text)} is no network", ("allow_private", index), hint=hint)
        self.settings.allow_private = tuple(listed)


def wrong_base_url(text: str, allow_private: Iterable[str] = ()) -> str:
    """What is wrong with a base URL, "" for a good one.

    Links hold secrets, so it is https, but for this machine and the nets that `network.allow_private` names.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host or not text.isprintable() or " " in text:
        return "is no http or https address"
    if parts.query or parts.fragment or "@" in parts.netloc or "?" in text or "#" in text:
        return "has more than a host and a path"
    if parts.scheme == "http" and not _is_near(host, allow_private):
        return "is not encrypted"
    return ""


def _is_near(host: str, allow_private: Iterable[str]) -> bool:
    """Whether the host is this machine, or in a net that the workspace allows."""
    import ipaddress

    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    nets = [ipaddress.ip_network(_net_and_port(one)[0], strict=False) for one in allow_private]
    return address.is_loopback or any(address in net for net in nets)


def _without(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The mapping without what stands at the path."""
    first, *below = path
    if below and isinstance(raw[str(first)], Mapping):
        return {**raw, str(first): _without(raw[str(first)], tuple(below))}
    return {key: value for key, value in raw.items() if key != first}


def _is_secret(key: str, holder: Map) -> bool:
    """Whether a value of that key is one; the address of an Apprise service holds its token."""
    return bool(_SECRET_KEY.fullmatch(key)) or (key == "url" and holder.get("type") == "apprise")


def _is_plain(text: str) -> bool:
    """True for what is a secret itself: neither from the environment nor empty nor made of a message's placeholders."""
    return "${" not in text and not _PLACEHOLDERS.fullmatch(text)


def _zone_named(name: str) -> ZoneInfo | None:
    try:
        # A key such as "Europe" names a folder, one with ".." is refused by zoneinfo itself.
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _unknown(spot: Spot, what: str, name: str, known: Iterable[str], at: Path) -> None:
    names = set(known)
    if name not in names:
        spot.fault(f"unknown-{what}", f"there is no {what} {shown(name)}", at, hint=suggest(name, names))


def _text_or_none(raw: Map, key: str) -> str | None:
    return source_text(raw[key]) if key in raw else None


def _per_day(spot: Spot, raw: Any) -> int | None:
    if raw is None:
        return None
    match = _PER_DAY.fullmatch(source_text(raw))
    if match is None:
        spot.fault(
            "bad-rate",
            f"{shown(raw)} is no number of messages a day",
            ("messages_per_contact",),
            hint="write it like 5/day",
        )
        return None
    return int(match[1])


def _net_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, port.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    address, _, port = text.partition(":")
    return address, port


def _is_network(text: str) -> bool:
    import ipaddress

    address, port = _net_and_port(text)
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return False
    try:
        ipaddress.ip_network(address, strict=False)
    except ValueError:
        return False
    return True


def check_roles(report: Report, source: Source, roles: Mapping[str, Any], pipelines: Iterable[str]) -> None:
    """Reports roles for pipelines that do not exist."""
    known = set(pipelines)
    for role, pipelines_of in roles.items():
        for name in pipelines_of:
            if name != "*" and name not in known:
                message = f"there is no pipeline {shown(name)}"
                hint = suggest(name, {*known, "*"})
                Spot(report, source, ("roles", role, name)).fault("unknown-pipeline", message, hint=hint, on_key=True)
