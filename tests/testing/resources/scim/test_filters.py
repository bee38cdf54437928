"""Filters, sorting and paging of the SCIM users."""

import json
from collections.abc import AsyncGenerator
from unicodedata import normalize

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubapi.testing import FakeHub, VirtualClock
from tests.testing.resources.scim.scim_client import USER, create, found, scim_client, scim_error, scim_fake

pytestmark = pytest.mark.anyio

ARYA, JON, MOBY, SAM = "Arya.Stark@docker.com", "jon.snow@docker.com", "moby@example.com", "sam@docker.com"
EVERYONE = [ARYA, JON, MOBY, SAM]


@pytest.fixture
def fake(clock: VirtualClock) -> FakeHub:
    return scim_fake(clock)


@pytest.fixture
async def acme(fake: FakeHub, clock: VirtualClock, anyio_backend: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of an organisation of four users; Arya is deactivated, Moby and Sam have no name."""
    async with scim_client(fake) as client:
        clock.advance(60)
        await create(client, JON, givenName="Jon", familyName="Snow")
        clock.advance(60)
        arya = await create(client, ARYA, givenName="Arya", familyName="stark")
        await client.put(f"/Users/{arya['id']}", json={"schemas": [USER], "enabled": False})
        await create(client, SAM)
        yield client


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('userName eq "jon.snow@docker.com"', [JON]),
        ('USERNAME EQ "JON.SNOW@DOCKER.COM"', [JON]),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "jon.snow@docker.com"', [JON]),
        ('userName eq "jon"', []),
        ('userName ne "jon.snow@docker.com"', [ARYA, MOBY, SAM]),
        ('userName co "SNOW"', [JON]),
        ('userName sw "arya"', [ARYA]),
        ('userName ew "docker.com"', [ARYA, JON, SAM]),
        ('userName gt "jon.snow@docker.com"', [MOBY, SAM]),
        ('userName le "jon.snow@docker.com"', [ARYA, JON]),
        ('displayName eq "JonSnow"', [JON]),
        ("active eq false", [ARYA]),
        ("active ne false", [JON, MOBY, SAM]),
        ("name pr", [ARYA, JON]),
        ('name.familyName eq "Stark"', [ARYA]),
        ('name.familyName eq "st\\u0061rk"', [ARYA]),
        ('emails eq "sam@docker.com"', [SAM]),
        ('emails.value co "docker"', [ARYA, JON, SAM]),
        ('emails[value sw "sam" and primary eq true]', [SAM]),
        ('emails[value sw "sam" and primary eq false]', []),
        ('groups.value eq "company"', [JON, MOBY, SAM]),
        ('not (userName co "docker")', [MOBY]),
        ('userName co "docker" and active eq true', [JON, SAM]),
        ('userName sw "moby" or userName sw "sam" and active eq false', [MOBY]),
        ('(userName sw "moby" or userName sw "sam") and active eq true', [MOBY, SAM]),
        ('userName sw "sam" and active eq false or userName sw "moby"', [MOBY]),
        ('not (userName sw "sam") and not (active eq false)', [JON, MOBY]),
        ('schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"', EVERYONE),
    ],
)
async def test_a_filter_selects_users(acme: httpx.AsyncClient, condition: str, expected: list[str]) -> None:
    """Names and operators match in any case, values by the attribute's rule, and `not` precedes `and` precedes `or`."""
    assert expected == await found(acme, filter=condition, sortBy="userName")


async def test_an_id_is_compared_exactly(acme: httpx.AsyncClient) -> None:
    """It is the only attribute that is case-sensitive."""
    (sam,) = (await acme.get("/Users", params={"filter": f'userName eq "{SAM}"'})).json()["resources"]

    assert [SAM] == await found(acme, filter=f'id eq "{sam["id"]}"')
    assert [] == await found(acme, filter=f'id eq "{sam["id"].upper()}"')


async def test_times_are_compared_as_times(acme: httpx.AsyncClient) -> None:
    """Zone and number of digits make no difference."""
    (jon,) = (await acme.get("/Users", params={"filter": f'userName eq "{JON}"'})).json()["resources"]
    created = jon["meta"]["created"]

    assert [ARYA, JON, SAM] == await found(acme, filter=f'meta.created ge "{created}"', sortBy="userName")
    exactly = created.replace("Z", ".000+00:00")
    assert [ARYA, SAM] == await found(acme, filter=f'meta.created gt "{exactly}"', sortBy="userName")


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "userName",
        "userName eq",
        'userName eq "jon',
        "userName eq jon",
        "userName eq 'jon'",
        'userName regex "jon"',
        'userName eq "a"b"',
        'userName eq "\\x"',
        'userName eq "a" and',
        '(userName eq "a"',
        'not userName eq "a"',
        'userNam eq "jon"',
        'userName pr or title eq "x"',
        'name.middleName eq "x"',
        "active gt true",
        'active eq "perhaps"',
        'meta.created gt "yesterday"',
        'userName[value eq "x"]',
        "(" * 500,
    ],
)
async def test_an_invalid_filter_is_rejected(acme: httpx.AsyncClient, condition: str) -> None:
    """So is an unknown attribute, since a mistake should not look like an empty organisation."""
    assert (400, "invalidFilter") == scim_error(await acme.get("/Users", params={"filter": condition}))


def comparable(text: str) -> str:
    """Return a text as it is compared without regard to case."""
    return normalize("NFC", normalize("NFC", text).lower())


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.text(min_size=1), min_size=1, max_size=4), asked=st.text(), ascii_only=st.booleans())
async def test_any_quoted_text_finds_its_users(names: list[str], asked: str, ascii_only: bool) -> None:
    """Quoted as JSON, a text is only a value, and selects the users with that name."""
    async with scim_client(scim_fake()) as client:
        for number, name in enumerate(names):
            await create(client, f"{number}@docker.com", familyName=name)

        for text in [asked, *names, *(f'{name}" or userName pr or userName eq "' for name in names)]:
            condition = f"name.familyName eq {json.dumps(text, ensure_ascii=ascii_only)}"
            expected = [f"{n}@docker.com" for n, name in enumerate(names) if comparable(text) == comparable(name)]
            assert expected == await found(client, filter=condition)


async def test_text_that_is_not_quoted_changes_the_filter(acme: httpx.AsyncClient) -> None:
    """FakeHub is open to injection like the real server, so clients must quote."""
    name = 'x" or userName pr or userName eq "'

    assert EVERYONE == await found(acme, filter=f'userName eq "{name}"', sortBy="userName")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [MOBY, JON, ARYA, SAM]),
        ({"sortBy": "userName"}, [ARYA, JON, MOBY, SAM]),
        ({"sortBy": "USERNAME", "sortOrder": "ascending"}, [ARYA, JON, MOBY, SAM]),
        ({"sortBy": "userName", "sortOrder": "descending"}, [SAM, MOBY, JON, ARYA]),
        ({"sortBy": "name.familyName"}, [JON, ARYA, MOBY, SAM]),
        ({"sortBy": "name.familyName", "sortOrder": "descending"}, [MOBY, SAM, ARYA, JON]),
        ({"sortBy": "emails"}, [ARYA, JON, MOBY, SAM]),
        ({"sortBy": "emails.value"}, [ARYA, JON, MOBY, SAM]),
        ({"sortBy": "active"}, [ARYA, MOBY, JON, SAM]),
        ({"sortBy": "meta.created", "sortOrder": "descending"}, [ARYA, SAM, JON, MOBY]),
        ({"sortOrder": "descending"}, [MOBY, JON, ARYA, SAM]),
    ],
)
async def test_users_are_sorted(acme: httpx.AsyncClient, query: dict[str, str], expected: list[str]) -> None:
    """Case makes no difference; users without the value are last, or first if descending (RFC 7644, 3.4.2.3)."""
    assert expected == await found(acme, **query)


@pytest.mark.parametrize(
    ("query", "scim_type"),
    [
        ({"sortBy": "shoeSize"}, "invalidPath"),
        ({"sortBy": "name"}, "invalidPath"),
        ({"sortBy": ""}, "invalidPath"),
        ({"sortBy": "userName", "sortOrder": "up"}, "invalidValue"),
        ({"startIndex": "first"}, "invalidValue"),
        ({"count": "all"}, "invalidValue"),
        ({"count": "1.5"}, "invalidValue"),
        ({"attributes": "a b"}, "invalidPath"),
    ],
)
async def test_an_invalid_query_is_rejected(acme: httpx.AsyncClient, query: dict[str, str], scim_type: str) -> None:
    """An unknown order, an invalid number and an invalid attribute are errors."""
    assert (400, scim_type) == scim_error(await acme.get("/Users", params=query))


@pytest.mark.parametrize(
    ("query", "expected", "start"),
    [
        ({"count": 2}, [ARYA, JON], 1),
        ({"startIndex": 3, "count": 2}, [MOBY, SAM], 3),
        ({"startIndex": 4, "count": 2}, [SAM], 4),
        ({"startIndex": 5}, [], 5),
        ({"startIndex": 0, "count": 1}, [ARYA], 1),
        ({"startIndex": -7, "count": 1}, [ARYA], 1),
        ({"count": 0}, [], 1),
        ({"count": -1}, [], 1),
        ({"count": 10**9}, EVERYONE, 1),
    ],
)
async def test_users_come_in_pages(
    acme: httpx.AsyncClient, query: dict[str, int], expected: list[str], start: int
) -> None:
    """Every page has the total; a start below 1 is 1, and a count below 0 is 0 (RFC 7644, 3.4.2.4)."""
    page = (await acme.get("/Users", params={"sortBy": "userName", **query})).json()

    assert expected == [user["userName"] for user in page["resources"]]
    assert (4, start, len(expected)) == (page["totalResults"], page["startIndex"], page["itemsPerPage"])


async def test_the_total_is_of_the_filtered_users(acme: httpx.AsyncClient) -> None:
    """Users that the filter excludes do not count."""
    page = (await acme.get("/Users", params={"filter": 'userName co "docker"', "count": 1})).json()

    assert (3, 1) == (page["totalResults"], page["itemsPerPage"])


@pytest.mark.parametrize(("query", "expected"), [({}, 100), ({"count": 200}, 200), ({"count": 201}, 200)])
async def test_a_page_has_200_users_at_most(
    fake: FakeHub, anyio_backend: str, query: dict[str, int], expected: int
) -> None:
    """The limit is as described; the default is 100."""
    async with scim_client(fake) as client:
        for number in range(205):
            await create(client, f"{number}@docker.com")

        assert expected == len(await found(client, **query))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("userName", {"userName"}),
        (" USERNAME , active", {"userName", "active"}),
        ("name.familyName,nonsense", {"name"}),
        ("meta", {"meta"}),
        ("", {"userName", "name", "displayName", "active", "emails", "groups", "meta"}),
    ],
)
async def test_attributes_limit_a_response(acme: httpx.AsyncClient, attributes: str, expected: set[str]) -> None:
    """`id` and `schemas` are always included (RFC 7644, 3.9)."""
    query = {"filter": f'userName eq "{JON}"', "attributes": attributes}
    (listed,) = (await acme.get("/Users", params=query)).json()["resources"]
    alone = (await acme.get(f"/Users/{listed['id']}", params={"attributes": attributes})).json()

    assert {"id", "schemas"} | expected == set(listed)
    assert listed == alone
    if "familyName" in attributes:
        assert {"familyName": "Snow"} == listed["name"]
