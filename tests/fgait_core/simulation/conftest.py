import pytest

from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.gait.prior import GaitPrior


@pytest.fixture(scope="session")
def bank() -> BodyBank:
    return BodyBank.packaged()


@pytest.fixture(scope="session")
def prior() -> GaitPrior:
    return GaitPrior.packaged()
