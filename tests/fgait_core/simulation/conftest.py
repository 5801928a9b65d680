import pytest

from fgait_core.simulation.bodies import BodyBank
from fgait_core.simulation.motion import GaitPrior


@pytest.fixture(scope="session")
def bank() -> BodyBank:
    return BodyBank.packaged()


@pytest.fixture(scope="session")
def prior() -> GaitPrior:
    return GaitPrior.packaged()
