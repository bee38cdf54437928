"""Generated tags, in the shape that the server really sends."""

import json
from random import Random
from typing import Any

from attrs import field, frozen

from hubapi.testing._setup.timestamps import format_go

_HOUR_NS = 3600 * 10**9
_PLATFORMS = [("amd64", None), ("arm64", "v8"), ("arm", "v7"), ("s390x", None)]


@frozen
class Tag:
    """One tag in the bytes it is served as, and the properties that lists sort by."""

    name: str
    updated_ns: int
    digest: str
    raw: bytes = field(repr=False)


def tag_name(number: int) -> str:
    """Return the name of the *number*-th tag of a repository: `latest`, then versions."""
    return "latest" if number == 0 else f"{number // 100}.{number // 10 % 10}.{number % 10}"


def generate_tag(name: str, *, owner: str, updated_ns: int, random: Random) -> Tag:
    """Generate a tag.

    It differs from the description as the server does (D1 to D5): `images` is a list (docker/docs#20552), `v2` is a
    boolean, the status is in `tag_status`, many values are null, and an attestation is listed as an image of an
    unknown platform.
    """
    updated = format_go(updated_ns)
    platforms = _PLATFORMS[: random.randint(1, len(_PLATFORMS))]
    images = [_image(architecture, variant, updated, random) for architecture, variant in platforms]
    images.append(_attestation(updated, random))
    creator = random.randrange(10**7)
    digest = _digest(random)
    tag = {
        "creator": creator,
        "id": random.randrange(10**9),
        "images": images,
        "last_updated": updated,
        "last_updater": creator,
        "last_updater_username": owner,
        "name": name,
        "repository": random.randrange(10**7),
        "full_size": images[0]["size"],
        "v2": True,
        "tag_status": "active",
        "tag_last_pulled": None if random.random() < 0.3 else format_go(updated_ns + random.randrange(_HOUR_NS)),
        "tag_last_pushed": updated,
        "media_type": "application/vnd.oci.image.index.v1+json",
        "content_type": "image",
        "digest": digest,
    }
    return Tag(name, updated_ns, digest, json.dumps(tag, separators=(",", ":")).encode())


def _image(architecture: str, variant: str | None, pushed: str, random: Random) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "features": "",
        "variant": variant,
        "digest": _digest(random),
        "os": "linux",
        "os_features": "",
        "os_version": None,
        "size": random.randrange(10**6, 10**9),
        "status": random.choice(["active", "inactive"]),
        "last_pulled": None,
        "last_pushed": pushed,
    }


def _attestation(pushed: str, random: Random) -> dict[str, Any]:
    unknown = {"architecture": "unknown", "features": None, "os": "unknown", "os_features": None}
    return {**_image("unknown", None, pushed, random), **unknown, "size": random.randrange(10**3, 10**5)}


def _digest(random: Random) -> str:
    return f"sha256:{random.getrandbits(256):064x}"
