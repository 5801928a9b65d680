"""The PostgreSQL of the tests of `clinic_data`, for tests of the app that need one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def _fixtures():
    place = Path(__file__).resolve().parents[1] / "clinic_data" / "conftest.py"
    spec = importlib.util.spec_from_file_location("clinic_data_fixtures", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_module = sys.modules.get("clinic_data_fixtures") or _fixtures()
postgresql_server, postgresql_url = _module.postgresql_server, _module.postgresql_url
empty_postgresql = _module._empty
