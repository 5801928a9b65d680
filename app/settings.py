"""Settings of the application, read from environment variables that start with `FGAIT_`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

CLONE_ROOT = Path(__file__).resolve().parent.parent
VERIFY_PATH = "/verify"
"""Below `public_url`: where anybody who holds a report can verify it."""


class Settings(BaseSettings):
    """What an installation may choose; every value has a working default.

    Attributes:
        data_dir: folder of the database and of the stored files.
        database_url: SQLAlchemy URL; empty means a SQLite file in `data_dir`.
        storage_url: where files are, for fsspec: `s3://bucket/folder`; empty means a folder in `data_dir`.
        storage_cache_mb: copies of files from there on this computer, in MB; the longest unused go first.
        master_key_file: file with the master keys; empty means `keys/master.key` in `data_dir`, made at the first start.
        master_key: the master keys themselves, for who gives secrets in the environment; comes before the file.
        master_key_command: program with arguments that prints the master keys; comes before both. No shell.
        clinic_name: printed on reports and on the sign-in page.
        host: address that the server listens on.
        port: port that the server listens on; the next free one is taken if it is busy.
        allowed_hosts: names under which browsers may reach the server, without port.
        public_url: where readers of a printed report reach the server to verify it; empty means `host` and `port`.
        secure_cookies: send cookies over HTTPS only; switch on behind HTTPS.
        max_upload_mb: largest video that is accepted, in MB of 10^6 bytes.
        min_free_disk_mb: disk space that an upload must leave free, in MB.
        worker_poll_s: how often an idle worker looks for work.
        worker_lease_s: a job without a sign of life for this long may be taken over.
        worker_heartbeat_s: how often a worker gives a sign of life.
        job_limit_min: a job that runs longer than this is stopped and marked as failed.
        segmenter_threads: CPU threads of the network that finds the person.
        site: where this installation films; kept with each recording and shown in cohorts.
        training_queue: what the trainer beside the app serves: "train-cpu" or "train-gpu"; "" starts no trainer.
        training_device: where that trainer computes: "cpu", "cuda", "cuda:1" ...
        training_processes: of `torchrun` at the most, one GPU each.
        min_free_memory_mb: main memory that must be free before a retraining starts, in MB.
    """

    model_config = SettingsConfigDict(env_prefix="FGAIT_", frozen=True, extra="forbid")

    data_dir: Path = CLONE_ROOT / "var"
    database_url: str = ""
    storage_url: str = ""
    storage_cache_mb: int = Field(default=20_000, ge=1)
    master_key_file: Path | None = None
    master_key: SecretStr = SecretStr("")
    master_key_command: str = ""
    clinic_name: str = "Gait screening clinic"
    host: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    allowed_hosts: list[str] = ["127.0.0.1", "localhost", "[::1]"]
    public_url: str = Field(default="", pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$")
    secure_cookies: bool = False
    max_upload_mb: int = Field(default=2048, ge=1)
    min_free_disk_mb: int = Field(default=512, ge=0)
    worker_poll_s: float = Field(default=0.5, gt=0)
    worker_lease_s: float = Field(default=30.0, gt=0)
    worker_heartbeat_s: float = Field(default=2.0, gt=0)
    job_limit_min: float = Field(default=60.0, gt=0)
    segmenter_threads: int = Field(default=2, ge=1)
    site: str = Field(default="", max_length=80)
    training_queue: Literal["train-cpu", "train-gpu", ""] = "train-cpu"
    training_device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    training_processes: int = Field(default=1, ge=1)
    min_free_memory_mb: int = Field(default=1500, ge=0)

    @property
    def resolved_database_url(self) -> str:
        """The database in use."""
        return self.database_url or f"sqlite:///{self.data_dir / 'clinic.sqlite3'}"

    @property
    def resolved_master_key_file(self) -> Path:
        """The file of the master keys, where neither the environment nor a program gives them."""
        return self.master_key_file or self.data_dir / "keys" / "master.key"

    @property
    def resolved_public_url(self) -> str:
        """The address that reports name, without a slash at its end."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def storage_dir(self) -> Path:
        """Folder of videos, silhouettes, overlay clips and reports, where there is no `storage_url`."""
        return self.data_dir / "files"

    @property
    def cache_dir(self) -> Path:
        """Folder of the copies of files from `storage_url`."""
        return self.data_dir / "cache"

    @property
    def max_cache_bytes(self) -> int:
        """The size above which the longest unused copies go, in bytes."""
        return self.storage_cache_mb * 1_000_000

    @property
    def max_upload_bytes(self) -> int:
        """The upload limit in bytes."""
        return self.max_upload_mb * 1_000_000

    @property
    def min_free_disk_bytes(self) -> int:
        """The disk space that must stay free, in bytes."""
        return self.min_free_disk_mb * 1_000_000
