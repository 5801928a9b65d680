"""Results have names of their own, and a killed run leaves nothing that misleads the next one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgait_core.collection.ledger import COLUMNS, open_ledger, result_name
from fgait_core.collection.sources import Recording
from fgait_core.collection.work import Outcome, Product
from fgait_core.errors import ConfigError

WALK = Recording("ward 1/walk.mp4", "s3://bucket/ward 1/walk.mp4")
OTHER = Recording("other.mp4", "s3://bucket/other.mp4")
WHAT = {"source": "s3://bucket", "product": "test"}


def opened(folder: Path, what: dict = WHAT, retry: bool = False):
    return open_ledger(folder, ".npz", what, retry_failed=retry)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "recordings.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def done(recording: Recording) -> Outcome:
    return Outcome(recording, "done", Product(b"content", 30, 25.0, 1.16), "abc")


names = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1, max_size=300)


@given(st.lists(names, min_size=2, max_size=8, unique=True))
def test_no_two_recordings_share_a_name_and_none_leaves_the_folder(texts: list[str]):
    made = [result_name(Recording(text, text), ".npz") for text in texts]
    assert len(set(made)) == len(made)
    for name in made:
        *folders, last = name.split("/")
        assert all(part and "." not in part for part in folders)
        assert last.endswith(".npz")
        assert not last.startswith(".")
        assert max(map(len, (*folders, last))) < 240
        assert name.isascii()


def test_names_stay_readable_where_they_can():
    assert result_name(WALK, ".npz") == "ward 1/walk.mp4.npz"
    assert result_name(Recording("../..//ä.mp4", ""), ".npz") == "%2E%2E/%2E%2E/%/%C3%A4.mp4.npz"


def test_a_result_with_its_row(tmp_path: Path):
    with opened(tmp_path) as ledger:
        assert ledger.state_of(WALK) == "open"
        ledger.add(done(WALK))
        assert ledger.state_of(WALK) == "done"
    assert (tmp_path / "ward 1" / "walk.mp4.npz").read_bytes() == b"content"
    assert [tuple(row.values()) for row in rows(tmp_path)] == [
        (WALK.url, "ward 1/walk.mp4.npz", "abc", "30", "25.0000", "1.1600")
    ]
    assert tuple(rows(tmp_path)[0]) == COLUMNS


def test_a_failure_is_known_until_it_is_to_be_tried_again(tmp_path: Path):
    with opened(tmp_path) as ledger:
        ledger.add(Outcome(WALK, "refused", sha256="abc", reasons=("Nobody walks.",)))
    line = json.loads((tmp_path / "failures.jsonl").read_text())
    assert line == {"source": WALK.url, "status": "refused", "sha256": "abc", "reasons": ["Nobody walks."]}
    with opened(tmp_path) as ledger:
        assert ledger.state_of(WALK) == "failed"
        assert ledger.state_of(OTHER) == "open"
    with opened(tmp_path, retry=True) as ledger:
        assert ledger.state_of(WALK) == "open"
    assert (tmp_path / "failures.jsonl").read_text() == ""


def test_what_a_kill_leaves_is_cleared_away(tmp_path: Path):
    with opened(tmp_path) as ledger:
        ledger.add(done(WALK))
        ledger.add(done(OTHER))
        ledger.add(Outcome(Recording("c.mp4", "c"), "crashed", reasons=("ä",)))
    # As if killed between the row and the name of the result, and within a line.
    (tmp_path / "other.mp4.npz").rename(tmp_path / "other.mp4.npz.partial")
    with (tmp_path / "failures.jsonl").open("a") as file:
        file.write('{"source": "d", "sta')
    with (tmp_path / "recordings.csv").open("a") as file:
        file.write('s3://bucket/e.mp4,"e.m')
    with opened(tmp_path) as ledger:
        assert [ledger.state_of(each) for each in (WALK, OTHER, Recording("d", "d"))] == ["done", "open", "open"]
        ledger.add(done(OTHER))
    assert [row["source"] for row in rows(tmp_path)] == [WALK.url, OTHER.url]
    assert len((tmp_path / "failures.jsonl").read_text().splitlines()) == 1


def test_a_folder_is_for_one_source_and_one_product(tmp_path: Path):
    with opened(tmp_path):
        pass
    for other in (WHAT | {"source": "s3://other"}, WHAT | {"product": "embedding"}):
        with pytest.raises(ConfigError, match="another source or with other settings"), opened(tmp_path, other):
            pass


def test_two_processes_do_not_write_to_one_folder(tmp_path: Path):
    with opened(tmp_path), pytest.raises(ConfigError, match="Another process"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "walk.npz").touch()
    with pytest.raises(ConfigError, match="is a file"), opened(tmp_path / "walk.npz"):
        pass
