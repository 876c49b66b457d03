"""Only the browser that was given the URL gets anything, and only a page of the interface changes anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.asgi import AsgiBrowser
from support.recorded_runs import record
from support.stories import RUN_ID, sales

from orchestrator.ui.access import COOKIE, UiAddress
from orchestrator.ui.routes import application

ADDRESS = UiAddress(8470, "a-path", "a-token-of-this-test")  # fixed: they are in the names of tests
HOST = f"127.0.0.1:{ADDRESS.port}"
CHANGES = (f"runs/{RUN_ID}/cancel", f"runs/{RUN_ID}/jobs/0/cancel", f"runs/{RUN_ID}/resume")


@pytest.fixture
def stranger(tmp_path: Path) -> AsgiBrowser:
    """A browser that was not given the URL."""
    record(tmp_path, sales())
    return AsgiBrowser(application(str(tmp_path), ADDRESS), HOST)


@pytest.fixture
def user(stranger: AsgiBrowser) -> AsgiBrowser:
    """A browser that has opened the URL."""
    answer = stranger.get(ADDRESS.url)
    assert answer.status == 200
    assert "Opening" in answer.text
    return stranger


def test_the_url_sets_a_cookie_for_this_server_alone_which_no_script_reads(stranger: AsgiBrowser) -> None:
    cookie = stranger.get(ADDRESS.url).headers["set-cookie"]
    assert cookie == f"{COOKIE}={ADDRESS.token}; HttpOnly; SameSite=Strict; Path={ADDRESS.base}"


def test_the_user_sees_runs(user: AsgiBrowser) -> None:
    answer = user.get(ADDRESS.base)
    assert answer.status == 200
    assert RUN_ID in answer.text


def test_each_start_has_another_path_and_token() -> None:
    one, other = UiAddress(8470), UiAddress(8470)
    assert one.path != other.path
    assert one.token != other.token
    assert len(one.token) == 43  # 256 bits


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={ADDRESS.token}x", "?token=%C3%A9"])
def test_without_the_token_there_is_nothing(stranger: AsgiBrowser, query: str) -> None:
    for path in (ADDRESS.base + query, f"{ADDRESS.base}runs/{RUN_ID}/{query}"):
        answer = stranger.get(path)
        assert answer.status == 403
        assert RUN_ID not in answer.text
        assert "set-cookie" not in answer.headers


def test_two_tokens_are_none(stranger: AsgiBrowser) -> None:
    assert stranger.get(f"{ADDRESS.url}&token={ADDRESS.token}").status == 403


@pytest.mark.parametrize("value", ["wrong", "", ADDRESS.token[:-1]])
def test_a_wrong_cookie_is_refused(stranger: AsgiBrowser, value: str) -> None:
    assert stranger.get(ADDRESS.base, cookie=f"{COOKIE}={value}").status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8470", "127.0.0.1", "127.0.0.1:1", "[::1]:8470", ""])
def test_a_name_that_was_made_to_lead_here_is_refused(user: AsgiBrowser, host: str) -> None:
    """DNS rebinding: the browser believes that the page of the other site comes from there."""
    for path in (ADDRESS.base, ADDRESS.url.removeprefix(f"http://{HOST}")):
        assert user.get(path, host=host).status == 403


def test_localhost_is_the_same_server(user: AsgiBrowser) -> None:
    assert user.get(ADDRESS.base, host=f"localhost:{ADDRESS.port}").status == 200


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": f"https://{HOST}"},
        {"origin": f"http://localhost:{ADDRESS.port}"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": f"http://{HOST}", "sec_fetch_site": "cross-site"},
        {"origin": f"http://{HOST}", "sec_fetch_site": "same-site"},
    ],
)
def test_a_change_by_another_site_is_refused(user: AsgiBrowser, path: str, headers: dict[str, str]) -> None:
    answer = user.post(ADDRESS.base + path, **headers)
    assert answer.status == 403
    assert "another site" in answer.text


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_without_the_cookie_is_refused(stranger: AsgiBrowser, path: str) -> None:
    assert stranger.post(ADDRESS.base + path, origin=f"http://{HOST}").status == 403


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_nothing_but_post_changes_anything(user: AsgiBrowser, path: str, method: str) -> None:
    answer = user.send(method, ADDRESS.base + path, origin=f"http://{HOST}")
    assert answer.status == 405


def test_other_sites_cannot_embed_pages_as_scripts_or_frames(user: AsgiBrowser) -> None:
    answer = user.get(ADDRESS.base, sec_fetch_site="same-site", sec_fetch_mode="no-cors")
    assert answer.status == 403
    headers = user.get(ADDRESS.base).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["", f"runs/{RUN_ID}/", "trends", "nothing", f"runs/{RUN_ID}/raw/nothing.log"])
def test_every_answer_has_the_headers(user: AsgiBrowser, path: str) -> None:
    headers = user.get(ADDRESS.base + path).headers
    assert "'unsafe-inline'" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_nothing_is_outside_of_the_secret_path(user: AsgiBrowser) -> None:
    for path in ("/", "/favicon.ico", f"/runs/{RUN_ID}/"):
        assert user.get(path).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "runs/../../etc/passwd",
        "runs/..%2F..%2Fetc/",
        "runs/%2e%2e/",
        "runs/20260101T000000.000000Z-00000000/",
        f"runs/{RUN_ID}/logs/..%2Fplan.json",
        f"runs/{RUN_ID}/logs/%2e%2e",
        f"runs/{RUN_ID}/raw/..%2F..%2F..%2Fetc%2Fpasswd",
        f"runs/{RUN_ID}/raw/%2Fetc%2Fpasswd",
        f"runs/{RUN_ID}/raw/.hidden.log",
        f"runs/{RUN_ID}/raw/a%00.log",
        f"runs/{RUN_ID}/raw/plan.json",
        f"runs/{RUN_ID}/logs/other.log",
        f"runs/{RUN_ID}/follow/other.log",
    ],
)
def test_only_logs_of_runs_can_be_read(user: AsgiBrowser, path: str) -> None:
    answer = user.get(ADDRESS.base + path)
    assert answer.status == 404
    assert "root:" not in answer.text


def test_a_log_that_is_a_link_is_not_followed(user: AsgiBrowser, tmp_path: Path) -> None:
    (tmp_path / RUN_ID / "logs/planted.1.log").symlink_to("/etc/passwd")
    for page in ("logs", "raw", "follow"):
        answer = user.get(f"{ADDRESS.base}runs/{RUN_ID}/{page}/planted.1.log")
        assert answer.status == 500
        assert "cannot be read" in answer.text
        assert "root:" not in answer.text


def test_a_run_that_is_a_link_is_not_followed(user: AsgiBrowser, tmp_path: Path) -> None:
    other = "20260102T000000.000000Z-00000000"
    (tmp_path / other).symlink_to(RUN_ID)
    assert other not in user.get(ADDRESS.base).text
    assert user.get(f"{ADDRESS.base}runs/{other}/").status in (404, 500)
