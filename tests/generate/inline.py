"""A generated and imported package, and a client that records operations."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio

from hubapi._operation import Operation


class RecordingClient:
    """A client that records the operation instead of sending it."""

    operation: Operation[Any]

    async def send(self, operation: Operation[Any], /) -> Any:
        self.operation = operation
        return None


class Generated:
    """A generated package with a unique name."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._name = name

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self._name}.{name}")

    @property
    def models(self) -> ModuleType:
        return self.module("models")

    def call(self, function: str, /, *args: object, **kwargs: object) -> Operation[Any]:
        """Call `group.function` and return the operation it sends."""
        group, _, name = function.partition(".")
        client = RecordingClient()

        async def run() -> None:
            await getattr(self.module(f"endpoints.{group}"), name)(client, *args, **kwargs)

        anyio.run(run)
        return client.operation

    def text(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def annotation(self, model: str, field: str) -> str:
        """Return the source of a field's annotation."""
        return str(getattr(self.models, model).__annotations__[field])


Generate = Callable[..., Generated]
