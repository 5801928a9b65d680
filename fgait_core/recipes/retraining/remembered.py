"""A memory of a frozen encoder's passes, for studies that read the same recordings hundreds of times."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgait_core.models.backbone import Backbone, BackboneOutput
from fgait_core.models.heads import TaskNetwork

_NAME_BYTES = 16


class PassMemory:
    """What one backbone said of windows, found again by the windows' pixels.

    Only what heads and guard read is kept (parts, projected, predicted); `feature` and `over_time` come back empty.

    Args:
        backbone: in evaluation mode, on the processor, its weights never to change again.
    """

    def __init__(self, backbone: Backbone) -> None:
        self._compute = backbone.forward
        self._state = {name: each.clone() for name, each in backbone.state_dict().items()}
        self._backbone = _sha256(self._state)
        self._known: dict[bytes, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def keep(self, path: Path) -> None:
        """Writes everything to an npz file, for `restore` of a memory of the same backbone."""
        names = np.frombuffer(b"".join(self._known), np.uint8).reshape(len(self), _NAME_BYTES)
        unfinished = path.with_name(f"{path.name}.part")
        with unfinished.open("wb") as file:
            np.savez(file, backbone=self._backbone, names=names, passes=np.stack(list(self._known.values())))
        unfinished.replace(path)

    def restore(self, path: Path) -> bool:
        """Reads what `keep` wrote; False where there is nothing of this backbone."""
        if not path.exists():
            return False
        with np.load(path) as stored:
            if str(stored["backbone"]) != self._backbone:
                return False
            names = [name.tobytes() for name in stored["names"]]
            self._known |= dict(zip(names, stored["passes"], strict=True))
        return True

    def knows(self, network: TaskNetwork) -> bool:
        """Whether the network's backbone is the one whose passes are kept."""
        state = network.backbone.state_dict()
        return state.keys() == self._state.keys() and all(torch.equal(self._state[name], state[name]) for name in state)

    def serve(self, network: TaskNetwork) -> None:
        """Lets the network take its passes from here.

        Raises:
            ValueError: if its backbone is another one.
        """
        if not self.knows(network):
            raise ValueError("this memory is of another backbone")
        # Of this one object: whoever scores goes on calling the network, and nothing of scoring is written again.
        network.backbone.forward = self._forward

    def _forward(self, silhouettes: Tensor, crops: Sequence[int] = (1,)) -> BackboneOutput:
        if tuple(crops) != (1,):
            raise ValueError("a memory of passes knows whole windows only")
        names = [_name(window) for window in silhouettes]
        unknown = [place for place, name in enumerate(names) if name not in self._known]
        if unknown:
            with torch.no_grad():
                said = self._compute(silhouettes[unknown])
                kept = torch.stack([said.parts, said.projected, said.predicted], 1).numpy()
            self._known |= {names[place]: each for place, each in zip(unknown, kept, strict=True)}
        # As arrays, so that what was computed in inference mode can also be learnt from.
        found = torch.from_numpy(np.stack([self._known[name] for name in names], 1))
        parts, projected, predicted = found
        nothing = torch.empty(len(names), 0)
        return BackboneOutput(nothing, nothing, parts, projected, predicted)


def _name(window: Tensor) -> bytes:
    pixels = (window.numpy() > 0.5) if window.dtype.is_floating_point else window.numpy() > 0
    return hashlib.blake2b(np.packbits(pixels).tobytes(), digest_size=_NAME_BYTES).digest()


def _sha256(state: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, values in sorted(state.items()):
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()
