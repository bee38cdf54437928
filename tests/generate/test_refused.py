"""Input that must be refused: each case is a file whose leading comments are the messages."""

from pathlib import Path

import pytest

from scripts.generate.__main__ import main

HERE = Path(__file__).parent
CASES = sorted((HERE / "refused").rglob("*.yaml"))


def expected(case: Path) -> list[str]:
    """Return the expected messages of a case: its leading lines `# refused: message`."""
    lines = case.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# refused: ") for line in lines if line.startswith("# refused: ")]


def harmless(tmp_path: Path) -> dict[str, Path]:
    """Return the files of a description that is accepted, with no additions, fixes or names."""
    for name, text in (("additions", "{}"), ("fixes", "[]"), ("names", "{}")):
        (tmp_path / f"{name}.yaml").write_text(text)
    return {"spec": HERE / "things.yaml"} | {
        name: tmp_path / f"{name}.yaml" for name in ("additions", "fixes", "names")
    }


def arguments(case: Path, tmp_path: Path) -> list[str]:
    """Return the arguments of the command: the case, and harmless files."""
    files = harmless(tmp_path)
    files[{"descriptions": "spec"}.get(case.parent.name, case.parent.name)] = case
    result = [f"--{option}={file}" for option, file in files.items()]
    return [*result, f"--out={tmp_path / 'out'}", *([] if case.parent.name == "names" else ["--propose"])]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_refused(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The messages have file, line and pointer, and nothing is written."""
    status = main(arguments(case, tmp_path))

    printed = capsys.readouterr()
    messages = expected(case)
    count = f"{len(messages)} problem{'s' if len(messages) != 1 else ''}; nothing was written"
    assert [*messages, count] == printed.err.splitlines()
    assert printed.out == ""
    assert status == 1
    assert not (tmp_path / "out").exists()


def test_every_case_has_a_message() -> None:
    """A case without a message would pass for any reason."""
    assert [case.name for case in CASES if not expected(case)] == []


def test_the_description_of_the_other_cases_is_accepted(tmp_path: Path) -> None:
    """Additions, fixes and names are refused for their own problems."""
    files = [f"--{option}={file}" for option, file in harmless(tmp_path).items()]

    assert main([*files, f"--out={tmp_path / 'out'}", "--propose"]) == 0
