"""The server's own routes: adapters loaded, replaced and unloaded while it runs; metrics."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retro_core.errors import InvalidInput
from retro_core.serving.adapters import Adapter
from retro_core.serving.problems import Problem, Unknown
from retro_core.serving.service import service_of
from retro_core.serving.tgi_bodies import Strict
from retro_core.serving.wire import read_body


class AdapterBody(Strict):
    """POST /adapters."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    path: Annotated[str, Field(min_length=1, max_length=4096)]


async def list_adapters(request: Request) -> Response:
    """Every loaded adapter."""
    return JSONResponse({"adapters": [_shown(a) for a in service_of(request).adapters.all()]})


async def load_adapter(request: Request) -> Response:
    """Load an adapter from a folder, or replace the one of that name."""
    service, body = service_of(request), await read_body(request, AdapterBody)
    replaced = service.adapters.get(body.name)
    try:
        folder = allowed_folder(request.app.state.adapters_dir, body.path)
        adapter = await asyncio.to_thread(service.load_adapter, body.name, folder)
    except InvalidInput as error:
        raise Problem(str(error), field="path") from error
    except OSError as error:  # too long a name, a folder that may not be read
        raise Problem(f"path: cannot be read: {error.strerror}", field="path") from error
    if replaced and replaced.key != adapter.key:
        await asyncio.to_thread(service.engine.forget_adapter, replaced.key)
    return JSONResponse(_shown(adapter), 200 if replaced else 201)


async def unload_adapter(request: Request) -> Response:
    """Forget an adapter. Requests that already use it run to their end."""
    service, name = service_of(request), request.path_params["name"]
    adapter = service.adapters.unload(name)
    if adapter is None:
        raise Unknown(f"adapter {name!r} is not loaded")
    await asyncio.to_thread(service.engine.forget_adapter, adapter.key)
    return Response(status_code=204)


def allowed_folder(adapters_dir: Path | None, path: str) -> Path:
    """Resolve a folder; where the server was given a parent folder, it must lie inside."""
    if "\0" in path:
        raise Problem("path: must not hold a null character", field="path")
    folder = Path(path)
    if adapters_dir is None:
        return folder
    folder = (adapters_dir / folder).resolve()
    if not folder.is_relative_to(adapters_dir.resolve()):
        raise Problem("path: must lie inside the server's adapters folder", field="path")
    return folder


def _shown(adapter: Adapter) -> dict[str, Any]:
    return {
        "name": adapter.name,
        "path": adapter.path,
        "sha256": adapter.sha256,
        "rank": adapter.rank,
        "loaded_at": adapter.loaded_at,
    }
