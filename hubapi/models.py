"""Every model under its own name, imported when first asked for."""

from typing import TYPE_CHECKING

from hubapi._generated import models as _models

if TYPE_CHECKING:
    from hubapi._generated.models import *  # noqa: F403


def __getattr__(name: str) -> object:
    return getattr(_models, name)


def __dir__() -> list[str]:
    return dir(_models)
