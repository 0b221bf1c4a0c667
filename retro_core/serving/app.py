"""The web application: which route answers in which protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retro_core.serving import admin, metrics, openai_routes, tgi
from retro_core.serving.problems import Problem
from retro_core.serving.service import LmService
from retro_core.serving.wire import Handler, answering, openai_error, tgi_error


def make_app(service: LmService, *, adapters_dir: Path | None = None) -> Starlette:
    """Serve one model; the engine runs as long as the application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        service.engine.start()
        yield
        await asyncio.to_thread(service.engine.stop)

    app = Starlette(
        routes=[*_openai_routes(), *_tgi_routes(), *_admin_routes()],
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_error},
    )
    app.state.service = service
    app.state.adapters_dir = adapters_dir
    return app


def _openai_routes() -> list[Route]:
    return [
        _route("/v1/models", openai_routes.models, "GET", openai=True),
        _route("/v1/models/{name:path}", openai_routes.model, "GET", openai=True),
        _route("/v1/chat/completions", openai_routes.chat, "POST", openai=True),
        _route("/v1/completions", openai_routes.completions, "POST", openai=True),
    ]


def _tgi_routes() -> list[Route]:
    return [
        _route("/", tgi.compatible, "POST"),
        _route("/generate", tgi.generate, "POST"),
        _route("/generate_stream", tgi.generate_stream, "POST"),
        _route("/tokenize", tgi.tokenize, "POST"),
        _route("/info", tgi.info, "GET"),
        _route("/health", tgi.health, "GET"),
        _route("/metrics", metrics.metrics, "GET"),
    ]


def _admin_routes() -> list[Route]:
    return [
        _route("/adapters", admin.list_adapters, "GET"),
        _route("/adapters", admin.load_adapter, "POST"),
        _route("/adapters/{name}", admin.unload_adapter, "DELETE"),
    ]


def _route(path: str, handler: Handler, method: str, *, openai: bool = False) -> Route:
    write_error = openai_error if openai else tgi_error
    return Route(path, answering(handler, write_error), methods=[method])


async def _http_error(request: Request, error: Exception) -> Response:
    """Write the framework's own refusals (no such route, wrong method) in the protocol's shape."""
    assert isinstance(error, HTTPException)
    problem = Problem(f"{request.method} {request.url.path}: {error.detail}")
    problem.status, problem.kind = error.status_code, "not_found"
    write = openai_error if request.url.path.startswith("/v1/") else tgi_error
    return write(problem)
