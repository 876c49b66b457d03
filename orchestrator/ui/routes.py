"""The pages and the actions of the interface, by their URLs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from orchestrator.app.failure_logs import read_latest_lines
from orchestrator.app.recent_results import recent_results
from orchestrator.errors import PexecError
from orchestrator.journal.rundir import RunDir
from orchestrator.report.page.markup import inline, shown
from orchestrator.ui.access import AccessGuard, UiAddress
from orchestrator.ui.document import message_page
from orchestrator.ui.log_page import log_page
from orchestrator.ui.log_reading import LogPart, chunks_of, log_path, read_log_part
from orchestrator.ui.run_actions import RunActions
from orchestrator.ui.run_page import MOST_RUNNING, run_page
from orchestrator.ui.run_views import RunView, RunViews, UnknownRunError
from orchestrator.ui.runs_page import RUNS_OF_A_PAGE, runs_page
from orchestrator.ui.trends_page import trends_page

_MOST_DIGITS = 18


def application(root: str, address: UiAddress) -> AccessGuard:
    """The interface as an ASGI application. Its functions below run in threads."""
    views = RunViews(root)
    actions = RunActions(views)

    def act(path: str, action: Callable[[Request], None]) -> Route:
        return Route(path, partial(_act, address, action), methods=["POST"])

    of_run = [
        Route("/", partial(_run, views, actions), methods=["GET"]),
        Route("/state", partial(_state, views), methods=["GET"]),
        Route("/logs/{name}", partial(_log, views), methods=["GET"]),
        Route("/follow/{name}", partial(_follow, views), methods=["GET"]),
        Route("/raw/{name}", partial(_raw, views), methods=["GET"]),
        act("/cancel", lambda request: actions.cancel(_run_id(request), None)),
        act("/jobs/{job:int}/cancel", lambda request: actions.cancel(_run_id(request), request.path_params["job"])),
        act("/resume", lambda request: actions.resume(_run_id(request), failed_only=False)),
        act("/resume-failed", lambda request: actions.resume(_run_id(request), failed_only=True)),
    ]
    routes = [
        Route("/", partial(_runs, views), methods=["GET"]),
        Route("/trends", partial(_trends, views), methods=["GET"]),
        Mount("/runs/{run_id}", routes=of_run),
    ]
    errors = {
        UnknownRunError: partial(_unknown, address),
        PexecError: partial(_failed, address),
        OSError: partial(_failed, address),
        404: partial(_not_found, address),
        405: partial(_not_found, address),
    }
    inner = Starlette(routes=[Mount(address.base.rstrip("/"), routes=routes)], exception_handlers=errors)
    return AccessGuard(inner, address)


def _runs(views: RunViews, request: Request) -> Response:
    ids = views.ids()
    before = request.query_params.get("before")
    wanted = [one for one in ids if before is None or one < before][:RUNS_OF_A_PAGE]
    heads = []
    for run_id in wanted:
        try:
            heads.append(views.head(run_id))
        except UnknownRunError:  # just removed
            continue
    return HTMLResponse(runs_page(heads, views.root, total=len(ids), older_than=before))


def _run(views: RunViews, actions: RunActions, request: Request) -> Response:
    run_id = _run_id(request)
    with views.view(run_id) as view:
        page = run_page(view, _last_lines(view), actions.notice(run_id))
    return HTMLResponse(page)


def _last_lines(view: RunView) -> dict[str, str]:
    """The last line of the log of each running job."""
    if not view.is_live:
        return {}
    logs = [job.log_file for job in view.snapshot().running[:MOST_RUNNING] if job.log_file is not None]
    return read_latest_lines(view.run, logs)


def _state(views: RunViews, request: Request) -> Response:
    with views.view(_run_id(request)) as view:
        return JSONResponse({"version": view.version, "live": view.is_live})


def _log(views: RunViews, request: Request) -> Response:
    run_id, path = _run_id(request), _log_path(request)
    start = _offset(request)
    growing = _is_growing(views, run_id, path)
    with views.open(run_id) as run:
        part = _part(run, path, start, is_growing=growing)
    name = request.path_params["name"]
    return HTMLResponse(log_page(run_id, name, part, is_end=start is None, is_growing=growing))


def _follow(views: RunViews, request: Request) -> Response:
    run_id, path = _run_id(request), _log_path(request)
    growing = _is_growing(views, run_id, path)  # asked first: what was written before its end is read
    with views.open(run_id) as run:
        part = _part(run, path, _offset(request) or 0, is_growing=growing)
    over = not growing and part.end >= part.size
    return JSONResponse({"text": part.text, "unfinished": part.unfinished, "end": part.end, "over": over})


def _raw(views: RunViews, request: Request) -> Response:
    with views.open(_run_id(request)) as run:
        try:
            descriptor = run.open_for_reading(_log_path(request))
        except FileNotFoundError:
            raise UnknownRunError from None
    return StreamingResponse(chunks_of(descriptor), media_type="text/plain; charset=utf-8")


def _trends(views: RunViews, request: Request) -> Response:
    name = request.query_params.get("name")
    names, runs = recent_results(views.root, name)
    return HTMLResponse(trends_page(names, runs, name))


def _act(address: UiAddress, action: Callable[[Request], None], request: Request) -> Response:
    """Do it, and lead back to the page of the run, so that reloading it does nothing again."""
    action(request)
    return RedirectResponse(f"{address.base}runs/{_run_id(request)}/", status_code=303)


def _run_id(request: Request) -> str:
    run_id: str = request.path_params["run_id"]
    return run_id


def _log_path(request: Request) -> str:
    path = log_path(request.path_params["name"])
    if path is None:
        raise UnknownRunError
    return path


def _offset(request: Request) -> int | None:
    text = request.query_params.get("from", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _is_growing(views: RunViews, run_id: str, path: str) -> bool:
    """Whether the job whose log this is runs."""
    with views.view(run_id) as view:
        return view.is_live and any(job.log_file == path for job in view.snapshot().running)


def _part(run: RunDir, path: str, start: int | None, *, is_growing: bool) -> LogPart:
    try:
        return read_log_part(run, path, start, is_growing=is_growing)
    except FileNotFoundError:
        raise UnknownRunError from None


def _unknown(address: UiAddress, request: Request, error: Exception) -> Response:
    text = "This run, or this log, does not exist: it may have been removed."
    return HTMLResponse(message_page("Not found", text, home=address.base), status_code=404)


def _not_found(address: UiAddress, request: Request, error: Exception) -> Response:
    status: int = getattr(error, "status_code", 404)
    return HTMLResponse(message_page("Not found", "There is no such page.", home=address.base), status_code=status)


def _failed(address: UiAddress, request: Request, error: Exception) -> Response:
    if isinstance(error, PexecError):
        text = inline(error.message) + (f"<br>{inline(error.help)}" if error.help else "")
    else:
        text = shown(f"A file cannot be read: {getattr(error, 'strerror', None) or error}")
    return HTMLResponse(message_page("This cannot be shown", text, home=address.base), status_code=500)
