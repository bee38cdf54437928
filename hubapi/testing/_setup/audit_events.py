"""Audit events: their form on the wire, and generated ones."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from attrs import frozen

from hubapi.testing._setup.timestamps import format_protobuf


@frozen
class AuditEvent:
    """One event in the bytes it is served as, and the properties that it is found by."""

    time_ns: int
    action: str
    name: str
    actor: str
    raw: bytes


# Built once: `json.dumps` with options builds an encoder for each call. Text is sent as UTF-8, as Go does.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode_event(
    account: str,
    *,
    time_ns: int,
    action: str,
    name: str,
    actor: str,
    data: Mapping[str, Any],
    description: str,
    identifier: str,
) -> AuditEvent:
    """Encode an event with the server's order of keys, and `event_id`, which the description lacks (D21)."""
    raw = _encode(
        {
            "account": account,
            "action": action,
            "name": name,
            "actor": actor,
            "data": data,
            "timestamp": format_protobuf(time_ns),
            "action_description": description,
            "event_id": identifier,
        }
    ).encode()
    return AuditEvent(time_ns, action, name, actor, raw)


def event_id(random: Random) -> str:
    """Return a random id in the form of a UUID."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class _Recipe(NamedTuple):
    action: str
    weight: int
    names: str
    """The kind of its subject: repositories, people or the organisation itself."""
    data: Callable[[Random], dict[str, Any]]
    description: str


def _no_data(_: Random) -> dict[str, Any]:
    return {}


def _push_data(random: Random) -> dict[str, Any]:
    return {"digest": f"sha256:{random.getrandbits(256):064x}", **_tag_data(random)}


def _tag_data(random: Random) -> dict[str, Any]:
    return {"tag": random.choice(_TAGS)}


def _privacy_data(random: Random) -> dict[str, Any]:
    # Not every value is a string, although the description says so (D21).
    return {"is_private": random.random() < 0.5}


def _team_data(random: Random) -> dict[str, Any]:
    return {"team_name": random.choice(_TEAMS)}


_TAGS = ["latest", "edge", "nightly", *(f"1.{minor}.{patch}" for minor in range(6) for patch in range(5))]
_TEAMS = ["owners", "developers", "release", "équipe-sécurité"]
_RECIPES = [
    _Recipe("repo.tag.push", 70, "repositories", _push_data, "pushed the tag {tag} to the repository {name}"),
    _Recipe("repo.tag.delete", 10, "repositories", _tag_data, "deleted the tag {tag} from the repository {name}"),
    _Recipe("repo.create", 3, "repositories", _no_data, "created the repository {name}"),
    _Recipe("repo.delete", 2, "repositories", _no_data, "deleted the repository {name}"),
    _Recipe("repo.change_privacy", 3, "repositories", _privacy_data, "changed the privacy of the repository {name}"),
    _Recipe("org.team.create", 4, "organisation", _team_data, "created the team {team_name}"),
    _Recipe("org.team.member.add", 5, "people", _team_data, "added {name} to the team {team_name}"),
    _Recipe("org.member.removed", 3, "people", _no_data, "removed {name} from the organization"),
]


def generate_events(
    account: str, count: int, *, since_ns: int, until_ns: int, people: Sequence[str], random: Random
) -> Iterator[AuditEvent]:
    """Yield *count* events, oldest first, spread over `since_ns <= time < until_ns`."""
    names = {
        "repositories": [f"{account}/service-{number:02d}" for number in range(20)],
        "organisation": [account],
        "people": list(people),
    }
    recipes = random.choices(_RECIPES, [recipe.weight for recipe in _RECIPES], k=count)
    for time_ns, recipe in zip(_times(count, since_ns, until_ns, random), recipes, strict=True):
        name = random.choice(names[recipe.names])
        actor = random.choice(people)
        data = recipe.data(random)
        description = recipe.description.format(name=name, **data)
        if random.random() < 0.3:
            # Recorded: an actor who uses a token is named with it, and `data` describes the token (D21).
            data |= {
                "access_token_id": event_id(random),
                "access_token_label": "ci",
                "access_token_type": "pat",
            }
            actor = f'{actor} - access token "ci"'
        yield encode_event(
            account,
            time_ns=time_ns,
            action=recipe.action,
            name=name,
            actor=actor,
            data=data,
            description=description,
            identifier=event_id(random),
        )


def _times(count: int, since_ns: int, until_ns: int, random: Random) -> list[int]:
    """Return ascending times with 0, 3, 6 or 9 fractional digits, one in twelve equal to the one before."""
    times: list[int] = []
    for _ in range(count):
        exact = random.randrange(since_ns, until_ns)
        rounded = exact - exact % random.choice((1, 10**3, 10**6, 10**9))
        times.append(max(rounded, since_ns))
    times.sort()
    for later in range(1, count):
        if random.random() < 1 / 12:
            times[later] = times[later - 1]
    return times
