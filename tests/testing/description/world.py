"""A FakeHub with data for every route."""

from typing import Any

from hubapi.testing import FakeHub

PASSWORD = "correct horse battery staple"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SCIM_TOKEN = "scim-token-of-acme"


def filled(**options: Any) -> FakeHub:
    """Return a FakeHub with these options, and always the same data."""
    fake = FakeHub(seed=7, **options)
    fake.add_user("moby", password=PASSWORD, tokens=["dckr_pat_moby", *(f"dckr_pat_{number}" for number in range(3))])
    fake.add_user("octopus", password=PASSWORD)
    fake.add_user("whale", password=PASSWORD, totp_secret=TOTP_SECRET)
    fake.add_org("acme", owners=["moby", "whale"], tokens=["dckr_oat_acme"], scim_tokens=[SCIM_TOKEN], events=250)
    fake.add_event("acme", "org.team.create", data={"nested": {"list": [1, None, True]}})
    fake.add_repository("library", "python", tags=25)
    fake.add_repository("library", "empty", tags=0)
    fake.add_repository("acme", "secret", private=True)
    return fake
