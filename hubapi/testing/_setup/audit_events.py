"""Audit events: what they look like, and any number of them out of a seed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from attrs import frozen

from hubapi.testing._setup.timestamps import protobuf_text

__all__ = ["ACTIONS", "AuditEvent", "encode_event", "event_id", "generate_events"]

# Names and labels are those of the API's description, or of the one of 2026 where the older one lacks them.
_GROUPS = {
    "org": (
        "Organization",
        {
            "team.create": "Team Created",
            "team.update": "Team Updated",
            "team.delete": "Team Deleted",
            "team.member.add": "Team Member Added",
            "team.member.remove": "Team Member Removed",
            "team.member.invite": "Team Member Invited",
            "member.add": "Organization Member Added",
            "member.removed": "Organization Member Removed",
            "member.role.change": "Member Role Changed",
            "create": "Organization Created",
            "settings.update": "Organization Settings Updated",
            "access_token.create": "Access token created",
            "access_token.update": "Access token updated",
            "access_token.delete": "Access token deleted",
        },
    ),
    "repo": (
        "Repository",
        {
            "create": "Repository Created",
            "update": "Repository Updated",
            "delete": "Repository Deleted",
            "change_privacy": "Privacy Changed",
            "tag.push": "Tag Pushed",
            "tag.delete": "Tag Deleted",
        },
    ),
    # No document tells what users' own logs hold: in the style of the others.
    "user": (
        "User",
        {
            "access_token.create": "Access token created",
            "access_token.update": "Access token updated",
            "access_token.delete": "Access token deleted",
        },
    ),
}

ACTIONS = {
    group: {
        "actions": [
            {"name": name, "description": f"contains {name.replace('.', ' ')} events", "label": action_label}
            for name, action_label in actions.items()
        ],
        "label": label,
    }
    for group, (label, actions) in _GROUPS.items()
}
"""What `/v2/auditlogs/{account}/actions` answers with."""


@frozen
class AuditEvent:
    """One event, already in the bytes it is served as, with what it is looked up by."""

    time_ns: int
    action: str
    name: str
    actor: str
    raw: bytes


# Made once: `json.dumps` with options makes an encoder for every call. Text goes out as UTF-8, as Go does.
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
    """Write an event in the server's order of keys; `event_id` is served though the description lacks it."""
    raw = _encode(
        {
            "account": account,
            "action": action,
            "name": name,
            "actor": actor,
            "data": data,
            "timestamp": protobuf_text(time_ns),
            "action_description": description,
            "event_id": identifier,
        }
    ).encode()
    return AuditEvent(time_ns, action, name, actor, raw)


def event_id(random: Random) -> str:
    """Return something like a UUID."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class _Recipe(NamedTuple):
    action: str
    weight: int
    names: str
    """Which names it is about: repositories, people or the organisation itself."""
    data: Callable[[Random], dict[str, Any]]
    description: str


def _nothing(_: Random) -> dict[str, Any]:
    return {}


def _pushed(random: Random) -> dict[str, Any]:
    return {"digest": f"sha256:{random.getrandbits(256):064x}", **_tag(random)}


def _tag(random: Random) -> dict[str, Any]:
    return {"tag": random.choice(_TAGS)}


def _privacy(random: Random) -> dict[str, Any]:
    # Not every value is a string, whatever the description says.
    return {"is_private": random.random() < 0.5}


def _team(random: Random) -> dict[str, Any]:
    return {"team_name": random.choice(_TEAMS)}


_TAGS = ["latest", "edge", "nightly", *(f"1.{minor}.{patch}" for minor in range(6) for patch in range(5))]
_TEAMS = ["owners", "developers", "release", "équipe-sécurité"]
_RECIPES = [
    _Recipe("repo.tag.push", 70, "repositories", _pushed, "pushed the tag {tag} to the repository {name}"),
    _Recipe("repo.tag.delete", 10, "repositories", _tag, "deleted the tag {tag} from the repository {name}"),
    _Recipe("repo.create", 3, "repositories", _nothing, "created the repository {name}"),
    _Recipe("repo.delete", 2, "repositories", _nothing, "deleted the repository {name}"),
    _Recipe("repo.change_privacy", 3, "repositories", _privacy, "changed the privacy of the repository {name}"),
    _Recipe("org.team.create", 4, "organisation", _team, "created the team {team_name}"),
    _Recipe("org.team.member.add", 5, "people", _team, "added {name} to the team {team_name}"),
    _Recipe("org.member.removed", 3, "people", _nothing, "removed {name} from the organization"),
]


def generate_events(
    account: str, count: int, *, since_ns: int, until_ns: int, people: Sequence[str], random: Random
) -> Iterator[AuditEvent]:
    """Yield *count* events, oldest first, spread over ``since_ns <= time < until_ns``."""
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
            # Recorded: who acts through a token is named with it, and the token stands in the data.
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
    """Return ascending times of 0, 3, 6 or 9 digits of fraction, one in twelve equal to the one before."""
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
