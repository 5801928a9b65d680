"""Packages on their way between clinics: export with lineage and signature, import into quarantine."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlmodel import Session

from app.services import model_store, package_signature
from app.services.model_use_cases import ModelUseCases, audit_model, sentences_for_pages
from app.services.package_archive import unpack_archive, write_archive
from app.services.package_facts import PackageFacts, load_package, package_facts
from app.services.package_signature import LINEAGE_FILE, SIGNATURE_FILE, OwnKey
from app.services.permissions import Actor, Permission, require
from clinic_data import model_registry, trusted_keys
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.retraining_tables import TrustedKey
from clinic_data.tables import ModelVersion, Origin, Stage

_FORMAT = 1
_SINGLE_PEOPLE = ("changed", "subgroups")
"""What of a comparison stays in the clinic: lines of single people, and of groups that may be as small as one."""

_SUMS_FILE = "SHA256SUMS"
_UNPACKING_PREFIX = "work-"


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key that this clinic trusts or trusted."""

    key: TrustedKey
    fingerprint: str


class PackageExchange(ModelUseCases):
    """What leaves the clinic and what comes in."""

    __slots__ = ()

    def export(self, actor: Actor | None, model_version_id: str) -> bytes:
        """A version as a signed package for other clinics, as a zip without any patient's data.

        Raises:
            ConflictError: if it is in quarantine, or its package is missing or damaged.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        with self.database.reading() as session:
            versions = model_registry.lineage(session=session, model_version_id=model_version_id)
        if versions[0].stage is Stage.QUARANTINE:
            raise ConflictError("A package in quarantine is not passed on: evaluate it on this clinic's people first.")
        with sentences_for_pages():
            folder = model_store.package_folder(self.settings, self.database, self.storage, model_version_id)
        content = self._signed(folder, versions)
        with self.database.transaction() as session:
            audit_model(session, actor, "model.exported", model_version_id, {"sha256": versions[0].sha256})
        return content

    def _signed(self, folder: Path, versions: Sequence[ModelVersion]) -> bytes:
        lineage = package_signature.canonical_json(_lineage_content(self.settings.clinic_name, versions))
        files = model_store.package_files(folder)
        files[LINEAGE_FILE] = lineage
        files[SIGNATURE_FILE] = package_signature.sign(
            self.settings.data_dir, (folder / _SUMS_FILE).read_bytes(), lineage
        )
        target = io.BytesIO()
        write_archive(target, files)
        return target.getvalue()

    def import_package(self, actor: Actor | None, content: bytes) -> ModelVersion:
        """Takes a signed package of another clinic into quarantine.

        Raises:
            ConflictError: if it is known already, clashes with another, or does not fit this software.
            ValidationError: if it is no signed package, was changed, or its key is not trusted.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        with (
            tempfile.TemporaryDirectory(dir=self.settings.data_dir, prefix=_UNPACKING_PREFIX) as name,
            sentences_for_pages(),
        ):
            folder = Path(name)
            names = (*model_store.package_files(folder), LINEAGE_FILE, SIGNATURE_FILE)
            unpack_archive(io.BytesIO(content), names, folder)
            key = self._checked_key(folder)
            lineage = package_signature.read_json(folder / LINEAGE_FILE)
            facts = package_facts(load_package(folder, "package"))
            ancestors = _checked_ancestors(lineage, facts)
            with self.database.reading() as session:
                _assert_new(session, facts)
                parent_id = _nearest_known(session, ancestors)
            return model_store.register_package(
                self.database,
                self.storage,
                folder,
                stage=Stage.QUARANTINE,
                origin=Origin.IMPORTED,
                parent_id=parent_id,
                config={"lineage": dict(lineage)},
                signer=key.name,
                actor_id=actor.user_id,
                details={"signer_key": key.public_key},
            )

    def _checked_key(self, folder: Path) -> TrustedKey:
        """Whose signature it is. Trust is asked first: who signed says nothing before we know the key."""
        signature = package_signature.read_signature(folder / SIGNATURE_FILE)
        with self.database.reading() as session:
            key = trusted_keys.find_valid(session=session, public_key=signature.public_key)
            known = [each.public_key for each in trusted_keys.list_keys(session=session)]
        shown = package_signature.fingerprint(signature.public_key)
        if key is None and signature.public_key in known:
            raise ValidationError(f"This clinic revoked its trust in the key that signed the package ({shown}).")
        if key is None:
            raise ValidationError(
                f"The package is signed with a key that this clinic does not trust; its fingerprint is {shown}. Ask "
                "the other clinic by telephone whether this is theirs. If it is, trust their public key first, then "
                "import the package again."
            )
        package_signature.verify(signature, (folder / _SUMS_FILE).read_bytes(), (folder / LINEAGE_FILE).read_bytes())
        return key

    def trust_key(self, actor: Actor | None, name: str, public_key: str) -> TrustedKey:
        """Trusts the key of another clinic from now on.

        Raises:
            ConflictError: if the key is known already.
            ValidationError: if it is no key, or has no name.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        digits = package_signature.checked_public_key(public_key)
        with self.database.transaction() as session:
            key = trusted_keys.add(session=session, name=name, public_key=digits, actor_id=actor.user_id)
            audit_model(session, actor, "key.trusted", key.id, {"public_key": digits}, "trusted_key")
        return key

    def revoke_key(self, actor: Actor | None, key_id: str) -> TrustedKey:
        """Trusts a key no longer; packages that came with it stay as they are."""
        actor = require(actor, Permission.MANAGE_MODELS)
        with self.database.transaction() as session:
            key = trusted_keys.revoke(session=session, key_id=key_id)
            audit_model(session, actor, "key.revoked", key.id, {"public_key": key.public_key}, "trusted_key")
        return key

    def keys(self, actor: Actor | None) -> tuple[KeyView, ...]:
        """The keys of other clinics, revoked ones too."""
        require(actor, Permission.MANAGE_MODELS)
        with self.database.reading() as session:
            every = trusted_keys.list_keys(session=session)
        return tuple(KeyView(key, package_signature.fingerprint(key.public_key)) for key in every)

    def own_key(self, actor: Actor | None) -> OwnKey:
        """This clinic's public key, for other clinics to trust."""
        require(actor, Permission.MANAGE_MODELS)
        return package_signature.own_key(self.settings.data_dir)


def _lineage_content(clinic_name: str, versions: Sequence[ModelVersion]) -> dict[str, Any]:
    return {"format": _FORMAT, "clinic": clinic_name, "versions": [_version_content(each) for each in versions]}


def _version_content(version: ModelVersion) -> dict[str, Any]:
    report = {name: value for name, value in (version.gate_report or {}).items() if name not in _SINGLE_PEOPLE}
    return {
        "name": version.name,
        "version": version.version,
        "sha256": version.sha256,
        "origin": version.origin.value,
        "simulated": version.simulated,
        "signer": version.signer,
        "manifest_sha256": version.manifest_sha256,
        "registered_on": version.created_at.date().isoformat(),
        "people": version.metrics.get("people"),
        "figures": version.metrics.get("figures"),
        "comparison": report or None,
    }


def _checked_ancestors(lineage: Mapping[str, Any], facts: PackageFacts) -> list[str]:
    """The SHA-256 of the versions that the package descends from, the nearest first.

    Raises:
        ValidationError: if the lineage is of another form, or of another package.
    """
    versions = lineage.get("versions")
    listed = cast("list[object]", versions) if isinstance(versions, list) else []
    hashes = [cast("dict[str, object]", each).get("sha256") for each in listed if isinstance(each, dict)]
    if lineage.get("format") != _FORMAT or not hashes or hashes[0] != facts.sha256:
        raise ValidationError(
            f"{LINEAGE_FILE} does not belong to the package. Ask the other clinic to export the package again."
        )
    return [each for each in hashes[1:] if isinstance(each, str)]


def _assert_new(session: Session, facts: PackageFacts) -> None:
    known = model_registry.find_by_sha256(session=session, sha256=facts.sha256)
    if known is not None:
        raise ConflictError(f"This package is here already: {facts.label}, {known.stage.value}.")
    taken = {model_store.label_of(each) for each in model_registry.list_versions(session=session)}
    if facts.label in taken:
        raise ConflictError(
            f"This clinic has another package with the name {facts.label}. Ask the other clinic to give theirs another "
            "name or version."
        )


def _nearest_known(session: Session, hashes: Sequence[str]) -> str | None:
    found = (model_registry.find_by_sha256(session=session, sha256=each) for each in hashes)
    return next((version.id for version in found if version is not None), None)
