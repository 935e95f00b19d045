"""Is it alive, is it ready, and what does it do: for supervisors and Prometheus."""

from __future__ import annotations

from stageauto.errors import StageautoError
from stageauto.web.limits import from_here
from stageauto.web.routing import FREE, HttpError, Reply, Request, Route, text
from stageauto.web.signatures import same
from stageauto.web.site import Site

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


async def alive(_site: Site, _request: Request) -> Reply:
    """200 while the listener answers."""
    return text("ok")


async def ready(site: Site, _request: Request) -> Reply:
    """200 while events are taken and the state can be read, else 503."""
    if not site.ready:
        return text("not ready", 503)
    try:
        with site.read() as state:
            state.active_number()
    except StageautoError:
        return text("the state cannot be read", 503)
    return text("ready")


async def metrics(site: Site, request: Request) -> Reply:
    """What Prometheus reads; from this machine itself, or with the token of `web.metrics_token`."""
    if not _may_look(site, request):
        raise HttpError(403, "not from there")
    counts = site.service.counts
    values = {
        "decided": counts.decided, "sent": counts.sent, "not_sent": counts.failed, "events": counts.events,
    }  # fmt: skip
    with site.read() as state:
        due = state.next_item_due()
        stages, outbox = state.counts_by_stage(), state.outbox_counts()
    seconds = float("nan") if due is None else (due - site.now()) / 1000
    return Reply(200, site.metrics.write({**values, "next_due_seconds": seconds}, stages, outbox), _PROMETHEUS)


def _may_look(site: Site, request: Request) -> bool:
    token = site.secret(site.settings.get("metrics_token"))
    given = request.headers.get("authorization", "")
    if token and same(given, f"Bearer {token}"):
        return True
    return from_here(request)


def routes() -> list[Route]:
    """The routes of this group."""
    return [
        Route("GET", "/healthz", alive, cost=FREE),
        Route("GET", "/readyz", ready, cost=FREE),
        Route("GET", "/metrics", metrics, cost=FREE),
    ]
