"""The shop as what servers run: a WSGI application and an ASGI one. The folder is in the environment, the request in the path."""

import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from shop import Files, Shop

# Made when the module is imported: by gunicorn before it forks its workers, with its cache open and in use.
SHOP = Shop(Files(Path(os.environ["HOTSET_WORKERS_FOLDER"])))
for KEY in range(20):
    SHOP.item(KEY)

HEADERS = [("Content-Type", "application/json")]


def request(path: str) -> tuple[int, int, int]:
    client, seed, count = map(int, path.strip("/").split("/"))
    return client, seed, count


def wsgi(environment: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    body = SHOP.serve(*request(environment["PATH_INFO"])).json(SHOP)
    start("200 OK", [*HEADERS, ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    assert scope["type"] == "http", scope
    answer = await SHOP.serve_later(*request(scope["path"]))
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer.json(SHOP)})
