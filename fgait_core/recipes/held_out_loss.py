"""The pre-training loss on people whom nobody trained on."""

from __future__ import annotations

import torch

from fgait_core.config import AugmentationConfig, PretrainConfig
from fgait_core.data.batches import ClipBatches
from fgait_core.data.modalities import to_network
from fgait_core.data.sampling import make_sampler
from fgait_core.data.shards import ShardFolder
from fgait_core.losses import part_contrastive_loss
from fgait_core.models.student_teacher import StudentTeacher

_SEED = 0
_TEACHER_VIEW, _STUDENT_VIEW = 0, 1


@torch.inference_mode()
def held_out_loss(network: StudentTeacher, folder: ShardFolder, config: PretrainConfig, batches: int) -> float:
    """Mean contrastive loss of batches that are the same for every network.

    Both networks evaluate (running statistics), the student sees whole bodies, and clips are not augmented: what is
    left is how well a part of one clip finds the same part of another clip of the same sequence.

    Args:
        network: student and teacher after training.
        folder: the held-out people.
        config: of the training; clip, batch, modality and the loss' constants count.
        batches: how many.

    Raises:
        ConfigError: if the folder is too small for one batch.
    """
    plain = AugmentationConfig(affine=0, perspective=0, flip=0, dilate=0, blur=0)
    same = config.model_copy(update={"seed": _SEED, "augmentation": plain, "crops": (1,), "accumulate": 1})
    source = ClipBatches([folder], make_sampler([folder], same), same, views=2, part=0, parts=1)
    network.eval()
    total = 0.0
    for step in range(1, batches + 1):
        (batch,) = source[step]
        wanted = network.teacher_target(to_network(batch.views[_TEACHER_VIEW]))
        predicted = network.student_backbone(to_network(batch.views[_STUDENT_VIEW])).predicted
        total += float(
            part_contrastive_loss(predicted, wanted, scale=config.logit_scale, smoothing=config.label_smoothing).loss
        )
    return total / batches
