"""A worker process with the engine of the tests: `python tests/app/fast_worker.py`."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fast_engine import make_engine

from app.settings import Settings
from app.worker import run_worker

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    run_worker(Settings(), make_engine)
