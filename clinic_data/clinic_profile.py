"""What the clinic says of itself: name, address, logo, prevalence, language of its reports."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import update
from sqlmodel import Session, col

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.outcomes import LABELS
from clinic_data.problem_sentences import problem_sentences
from clinic_data.text_rules import checked_lines, has_invisible
from clinic_data.visit_tables import ClinicProfile

NAME_MAX, ADDRESS_MAX, SOURCE_MAX = 120, 500, 500
_ONLY_ROW = 1


class ClinicProfileData(BaseModel):
    """What an administrator states about the clinic, checked.

    Build it from a form with ``ClinicProfileData.checked(...)``, whose errors are sentences.

    Attributes:
        name: printed on reports; empty: the name of the installation's settings.
        address: some lines below it.
        prevalence: share of the clinic's patients who have what a task screens for, by task; a missing task: unknown.
        prevalence_source: where the shares come from; needed with any of them.
        report_language: tag of the language in which reports are written unless another is chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(lambda value: _name(value))] = ""
    address: Annotated[str, AfterValidator(lambda value: checked_lines(value, "address", ADDRESS_MAX))] = ""
    prevalence: dict[str, float] = {}
    prevalence_source: Annotated[str, AfterValidator(lambda value: checked_lines(value, "source", SOURCE_MAX))] = ""
    report_language: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,6})?$")

    @classmethod
    def checked(cls, **fields: Any) -> ClinicProfileData:
        """Build from form values.

        Raises:
            ValidationError: every problem in one text, a sentence each.
        """
        try:
            return cls(**fields)
        except pydantic.ValidationError as error:
            raise ValidationError(problem_sentences(error, "clinic profile")) from None

    @model_validator(mode="after")
    def _prevalence_has_its_source(self) -> ClinicProfileData:
        for task, share in self.prevalence.items():
            if task not in LABELS:
                raise ValueError(f"A prevalence is of one of the tasks: {', '.join(LABELS)}.")
            if not 0.0 < share < 1.0:
                raise ValueError("A prevalence lies between 0 and 100 %, without the ends. Leave it empty if unknown.")
        if self.prevalence and not self.prevalence_source:
            raise ValueError("Say where the prevalence comes from, such as the clinic's own counts of last year.")
        return self


def read_profile(*, session: Session) -> ClinicProfile | None:
    """What the clinic says of itself; None: nobody has said anything yet."""
    return session.get(ClinicProfile, _ONLY_ROW, populate_existing=True)


def update_profile(
    *, session: Session, data: ClinicProfileData, expected_version: int, actor_id: str | None
) -> ClinicProfile:
    """Replace everything but the logo, if nobody changed it since ``expected_version`` was read.

    Args:
        session: a session of ``Database.transaction()``.
        data: what is stated.
        expected_version: 0: there was nothing yet.
        actor_id: who states it.

    Raises:
        ConflictError: somebody else saved it meanwhile.
    """
    return _change(session, data.model_dump(), expected_version, actor_id)


def set_logo(*, session: Session, key: str | None, expected_version: int, actor_id: str | None) -> ClinicProfile:
    """Name another file as the logo, or none; see ``update_profile``."""
    return _change(session, {"logo_key": key}, expected_version, actor_id)


def _change(session: Session, values: dict[str, Any], expected_version: int, actor_id: str | None) -> ClinicProfile:
    values = values | {"version": expected_version + 1, "updated_by": actor_id, "updated_at": utc_now()}
    if expected_version == 0:
        if read_profile(session=session) is not None:
            raise ConflictError(_MEANWHILE)
        profile = ClinicProfile(id=_ONLY_ROW, **values)
        with conflict_as(session, _MEANWHILE):
            session.add(profile)
        return profile
    statement = update(ClinicProfile).where(col(ClinicProfile.version) == expected_version).values(values)
    changed = session.exec(statement.execution_options(synchronize_session=False)).rowcount
    profile = read_profile(session=session)
    if not changed or profile is None:
        raise ConflictError(_MEANWHILE)
    return profile


_MEANWHILE = (
    "Somebody else saved the clinic's profile while you were editing. Reload the page, compare, and enter your change "
    "again; nothing was overwritten."
)


def _name(value: str) -> str:
    text = checked_lines(value, "name", NAME_MAX)
    if has_invisible(text):
        raise ValueError("The name is one line. Remove the line breaks.")
    return text
