"""Health, readiness, metrics, and what every answer has in common."""

from __future__ import annotations

from tests.web.conftest import Served


def test_it_is_alive_and_ready(served: Served) -> None:
    assert (served.ask("GET", "/healthz").status, served.ask("GET", "/readyz").status) == (200, 200)


def test_metrics_count_and_name_no_customer(served: Served) -> None:
    served.add()
    served.form("/forms/plain", {"email": "ewa@home.test"})
    served.ask("GET", "/l/" + "x" * 43)
    text = served.ask("GET", "/metrics").text
    for line in (
        'stageauto_http_requests_total{route="/forms/{form}",status="200"} 1.0',
        'stageauto_http_requests_total{route="/l/{token}",status="404"} 1.0',
        'stageauto_items{pipeline="deals",stage="new"} 1.0',
    ):
        assert line in text
    assert "ewa" not in text


def test_metrics_are_for_this_machine_or_who_has_the_token(served: Served) -> None:
    behind_a_proxy = {"X-Forwarded-For": "8.8.8.8"}
    assert served.ask("GET", "/metrics", headers=behind_a_proxy).status == 403
    good = {**behind_a_proxy, "Authorization": "Bearer metrics-9c1d"}
    assert served.ask("GET", "/metrics", headers=good).status == 200
    assert served.ask("GET", "/metrics", headers={**good, "Authorization": "Bearer metrics-9c1e"}).status == 403


def test_every_answer_has_the_headers_of_security(served: Served) -> None:
    for path in ("/healthz", "/nothing", "/forms/plain", "/l/x", "/assets/page.css"):
        headers = served.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["server"] == "stageauto", path


def test_a_page_of_ours_is_found_and_nothing_beside_it(served: Served) -> None:
    assert served.ask("GET", "/assets/page.css").status == 200
    for path in ("/assets/..%2fsite.py", "/assets/../site.py", "/assets/page.css%00", "/assets/", "/assets/x.css"):
        assert served.ask("GET", path).status == 404, path


def test_an_error_is_a_page_for_people_and_a_line_for_programs(served: Served) -> None:
    page = served.ask("GET", "/nothing", headers={"Accept": "text/html"})
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert served.ask("GET", "/nothing").text == "there is nothing here\n"
