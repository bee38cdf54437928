"""The benchmark runs, and reports missed targets. No test asserts a speed."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.bench import events, report
from scripts.bench.__main__ import ROWS, main
from scripts.bench.measure import Result, Row


@pytest.mark.parametrize("number", sorted(ROWS))
def test_a_row_measures_finite_numbers(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a few seconds, so the numbers mean little."""
    assert 0 == main(["--quick", f"--rows={number}", f"--json={tmp_path / 'found.json'}"])

    results = json.loads((tmp_path / "found.json").read_bytes())["results"]
    assert results
    assert [] == [found["what"] for found in results if not all(map(math.isfinite, found["samples"]))]
    assert all(found["what"] in capsys.readouterr().out for found in results[:1])


def make_result(*samples: float, **options: object) -> Result:
    return Result(what="something", samples=samples, target=1.0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("result", "passes"),
    [
        (make_result(0.8, 1.0, 1.2), True),
        (make_result(0.8, 1.1, 1.2), False),
        (make_result(0.8, 1.0, 1.2, better="more"), True),
        (make_result(0.8, 0.9, 1.2, better="more"), False),
        (make_result(0.8, 0.9, 1.2, judged="worst"), False),
        (make_result(0.8, 1.1, 1.2, judged="worst", better="more"), False),
        (make_result(1.0, 1.1, 1.2, judged="worst", better="more"), True),
    ],
)
def test_a_result_is_compared_with_its_target(result: Result, passes: bool) -> None:
    """By its median or its worst sample; either more or less is better."""
    assert passes == result.passes


@pytest.mark.parametrize(("sample", "status"), [(0.9, 0), (1.1, 1)])
def test_check_fails_if_a_row_misses_its_target(
    sample: float, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only with `--check`."""
    monkeypatch.setitem(ROWS, 1, Row(number=1, explains="", measure=lambda _: [make_result(sample)]))

    assert (0, status) == (main(["--quick", "--rows=1"]), main(["--quick", "--rows=1", "--check"]))
    assert ("missed: something" in capsys.readouterr().out) == bool(status)


def test_the_table_is_replaced_in_the_page(tmp_path: Path) -> None:
    """Between two comments, any number of times; the text around it is unchanged."""
    page = tmp_path / "performance.md"
    page.write_text(report.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    before, _, rest = page.read_text(encoding="utf-8").partition("<!--")
    after = rest.partition("<!-- End of the table. -->")[2]
    for value in (0.321, 0.123):
        report.rewrite(report.markdown({1: [make_result(value)]}, 5, {1: "Why."}), page)

    written = page.read_text(encoding="utf-8")
    assert (before, after) == (written.partition("<!--")[0], written.partition("<!-- End of the table. -->")[2])
    assert (0, 1) == (written.count("| 0.321 x |"), written.count("| 0.123 x |"))


def test_pages_of_the_generated_log_are_consecutive() -> None:
    """A window has full pages except the last one, newest events first, and then an empty page."""
    since, until = events.END - timedelta(seconds=250), events.END - timedelta(seconds=10)
    pages = [json.loads(events.page(1000, number, since=since, until=until))["logs"] for number in (1, 2, 3, 4)]
    times = [datetime.fromisoformat(event["timestamp"]) for page in pages for event in page]

    assert [100, 100, 40, 0] == list(map(len, pages))
    assert sorted(set(times), reverse=True) == times
    assert (True, True) == (times[0] <= until < times[0] + timedelta(seconds=1), times[-1] >= since)
    assert datetime(2026, 1, 1, tzinfo=UTC) == events.END
