"""Keys for tests: always the same, so that a test can open what another process of the same test has sealed."""

from __future__ import annotations

from pathlib import Path

from clinic_data.data_keys import KeyRing
from clinic_data.master_keys import MasterKeys

TEST_MASTER_KEYS = MasterKeys([bytes(range(32))])
TEST_KEYS = KeyRing(TEST_MASTER_KEYS)


def give_test_keys(data_dir: Path) -> None:
    """Put the master key of the tests where an installation with this folder looks for it."""
    file = data_dir / "keys" / "master.key"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(TEST_MASTER_KEYS.text())
    file.chmod(0o600)
