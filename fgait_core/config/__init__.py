"""Configurations of training: read from YAML, checked, and written beside every run."""

from fgait_core.config.adaptation import FinetuneConfig, ProbeConfig
from fgait_core.config.base import (
    Config,
    Count,
    Device,
    LayerName,
    ModalityName,
    Name,
    NotNegative,
    OptimizerName,
    Positive,
    Precision,
    Probability,
)
from fgait_core.config.files import load_config, load_run_config, save_config
from fgait_core.config.retraining import (
    SCOPES,
    AcceptanceConfig,
    BudgetConfig,
    RetrainConfig,
    RetrainingProtocol,
    Scope,
)
from fgait_core.config.retraining_study import RetrainingStudyConfig
from fgait_core.config.scaling import ScalingConfig
from fgait_core.config.tasks import (
    SCREENING_TASKS,
    AttributesTask,
    ClassificationTask,
    IdentificationTask,
    RegressionTask,
    TaskConfig,
)
from fgait_core.config.training import (
    ArchitectureConfig,
    AugmentationConfig,
    ClipConfig,
    DataSetConfig,
    PretrainConfig,
    ReproduceConfig,
    ScheduleConfig,
    TrainingConfig,
    ValidationConfig,
)

__all__ = [
    "SCOPES",
    "SCREENING_TASKS",
    "AcceptanceConfig",
    "ArchitectureConfig",
    "AttributesTask",
    "AugmentationConfig",
    "BudgetConfig",
    "ClassificationTask",
    "ClipConfig",
    "Config",
    "Count",
    "DataSetConfig",
    "Device",
    "FinetuneConfig",
    "IdentificationTask",
    "LayerName",
    "ModalityName",
    "Name",
    "NotNegative",
    "OptimizerName",
    "Positive",
    "Precision",
    "PretrainConfig",
    "Probability",
    "ProbeConfig",
    "RegressionTask",
    "ReproduceConfig",
    "RetrainConfig",
    "RetrainingProtocol",
    "RetrainingStudyConfig",
    "ScalingConfig",
    "ScheduleConfig",
    "Scope",
    "TaskConfig",
    "TrainingConfig",
    "ValidationConfig",
    "load_config",
    "load_run_config",
    "save_config",
]
