"""Settings of the application, read from environment variables that start with `FGAIT_`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from clinic_data.tables import Role

CLONE_ROOT = Path(__file__).resolve().parent.parent
VERIFY_PATH = "/verify"
"""Below `public_url`: where anybody who holds a report can verify it."""


class Settings(BaseSettings):
    """What an installation may choose; every value has a working default.

    Attributes:
        data_dir: folder of the database and of the stored files.
        database_url: SQLAlchemy URL; empty means a SQLite file in `data_dir`.
        database_pool_size: connections to PostgreSQL that each process keeps open.
        database_pool_overflow: further ones that it may open while many people work.
        database_pool_wait_s: how long a request waits for a free one, in seconds, before it fails.
        database_pool_recycle_s: a connection is made anew after so many seconds.
        storage_url: where files are, for fsspec: `s3://bucket/folder`; empty means a folder in `data_dir`.
        storage_cache_mb: copies of files from there on this computer, in MB; the longest unused go first.
        work_dir: where a clip that is being made lies until it is sealed, if it is large; empty means `data_dir`.
        master_key_file: file with the master keys; empty means `keys/master.key` in `data_dir`, made at first.
        master_key: the master keys themselves, for who gives secrets in the environment; comes before the file.
        master_key_command: program with arguments that prints the master keys; comes before both. No shell.
        clinic_name: printed on reports and on the sign-in page.
        host: address that the server listens on.
        port: port that the server listens on; the next free one is taken if it is busy.
        allowed_hosts: names under which browsers may reach the server, without port.
        public_url: where readers of a printed report reach the server to verify it; empty means `host` and `port`.
        trusted_proxies: addresses or networks of proxies whose `X-Forwarded-For` is believed; empty means none.
        require_totp: roles that must sign in with a code of an authenticator app.
        secure_cookies: send cookies over HTTPS only; switch on behind HTTPS.
        max_upload_mb: largest video that is accepted, in MB of 10^6 bytes.
        min_free_disk_mb: disk space that an upload must leave free, in MB.
        worker_poll_s: how often an idle worker looks for work.
        worker_lease_s: a job without a sign of life for this long may be taken over.
        worker_heartbeat_s: how often a worker gives a sign of life.
        job_limit_min: a job that runs longer than this is stopped and marked as failed.
        segmenter_threads: CPU threads of the network that finds the person.
        oidc_issuer: address of the organisation's sign-in service (OpenID Connect); empty means none.
        oidc_client_id: how this installation is called there.
        oidc_client_secret: its secret there.
        oidc_name: the organisation, as the button on the sign-in page names it.
        oidc_scope: what is asked for; must begin with `openid`.
        oidc_role_claim: claim with the groups or roles of a person, with dots for what lies inside another.
        oidc_roles: role by value of that claim; the first line that fits counts.
        oidc_create_users: make an account at a person's first visit.
        site: where this installation films; kept with each recording and shown in cohorts.
        training_queue: what the trainer beside the app serves: "train-cpu" or "train-gpu"; "" starts no trainer.
        training_device: where that trainer computes: "cpu", "cuda", "cuda:1" ...
        training_processes: of `torchrun` at the most, one GPU each.
        min_free_memory_mb: main memory that must be free before a retraining starts, in MB.
    """

    model_config = SettingsConfigDict(env_prefix="FGAIT_", frozen=True, extra="forbid")

    data_dir: Path = CLONE_ROOT / "var"
    database_url: str = ""
    database_pool_size: int = Field(default=10, ge=1)
    database_pool_overflow: int = Field(default=20, ge=0)
    database_pool_wait_s: float = Field(default=15.0, gt=0)
    database_pool_recycle_s: int = Field(default=1800, ge=1)
    storage_url: str = ""
    storage_cache_mb: int = Field(default=20_000, ge=1)
    work_dir: Path | None = None
    master_key_file: Path | None = None
    master_key: SecretStr = SecretStr("")
    master_key_command: str = ""
    clinic_name: str = "Gait screening clinic"
    host: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    allowed_hosts: list[str] = ["127.0.0.1", "localhost", "[::1]"]
    public_url: str = Field(default="", pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$")
    trusted_proxies: list[str] = []
    require_totp: list[Role] = []
    secure_cookies: bool = False
    max_upload_mb: int = Field(default=2048, ge=1)
    min_free_disk_mb: int = Field(default=512, ge=0)
    worker_poll_s: float = Field(default=0.5, gt=0)
    worker_lease_s: float = Field(default=30.0, gt=0)
    worker_heartbeat_s: float = Field(default=2.0, gt=0)
    job_limit_min: float = Field(default=60.0, gt=0)
    segmenter_threads: int = Field(default=2, ge=1)
    oidc_issuer: str = Field(default="", pattern=r"^(https?://[^\s/]+(/[^\s?#]*)?)?$")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_name: str = Field(default="your organisation", min_length=1, max_length=60)
    oidc_scope: str = Field(default="openid email profile", pattern=r"^openid( \S+)*$")
    oidc_role_claim: str = Field(default="groups", min_length=1)
    oidc_roles: dict[str, Literal["clinician", "administrator", "auditor"]] = {}
    oidc_create_users: bool = True
    site: str = Field(default="", max_length=80)
    training_queue: Literal["train-cpu", "train-gpu", ""] = "train-cpu"
    training_device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    training_processes: int = Field(default=1, ge=1)
    min_free_memory_mb: int = Field(default=1500, ge=0)

    @model_validator(mode="after")
    def _sign_in_service_is_whole(self) -> Self:
        if not self.oidc_issuer:
            return self
        if not self.oidc_client_id or not self.oidc_roles:
            raise ValueError("FGAIT_OIDC_ISSUER needs FGAIT_OIDC_CLIENT_ID and FGAIT_OIDC_ROLES, too.")
        url = urlsplit(self.oidc_issuer)
        if url.scheme != "https" and url.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("FGAIT_OIDC_ISSUER must begin with https://, or anybody on the way could sign in.")
        return self

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
    def audit_head_file(self) -> Path:
        """File that notes the end of the audit trail outside the database."""
        return self.data_dir / "audit" / "head"

    @property
    def cache_dir(self) -> Path:
        """Folder of the copies of files from `storage_url`."""
        return self.data_dir / "cache"

    @property
    def resolved_work_dir(self) -> Path:
        """Where a file that is being made may lie for some seconds, plain but nameless."""
        return self.work_dir or self.data_dir

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
