"""What turns anny's 104 bones into ours; the rest needs anny itself and runs in `fgait simulate bodies`."""

import pytest

from fgait_core.simulation.anny_bodies import bone_of


@pytest.mark.parametrize(
    ("chain", "bone"),
    [
        (["toe1-1.L", "foot.L", "lowerleg02.L", "lowerleg01.L"], "l_foot"),
        (["lowerleg02.R", "lowerleg01.R"], "r_shank"),
        (["finger2-3.R", "wrist.R", "lowerarm02.R"], "r_hand"),
        (["clavicle.L", "spine01"], "chest"),
        (["eye.L", "head", "neck03"], "head"),
        (["neck02", "neck01", "spine01"], "neck"),
        (["breast.R", "spine02", "spine03"], "spine2"),
        (["pelvis.L", "root"], "pelvis"),
        (["root"], "pelvis"),
    ],
)
def test_every_bone_finds_its_place(chain: list[str], bone: str):
    assert bone_of(chain) == bone
