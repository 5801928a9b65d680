"""The role of each person in all retrainings: development or gate, given once and kept for ever.

People are distributed by quota: in each stratum the gate has its share within one person, and where the stratum
allows either role, the share over everybody decides. Who comes first is drawn by a hash of seed and patient, so the
order in which the patients are named, or a restart, changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction

from sqlalchemy import text
from sqlmodel import Session, col, select

from clinic_data.database import conflict_as
from clinic_data.errors import ValidationError
from clinic_data.retraining_tables import TrainingPerson, TrainingRole

_STRATUM_MAX = 120


def roles_of(*, session: Session, patient_ids: Iterable[str]) -> dict[str, TrainingPerson]:
    """The role of each of these patients who has one."""
    wanted = set(patient_ids)
    return {
        person.patient_id: person for person in _everybody(session) if person.patient_id and person.patient_id in wanted
    }


def assign_roles(
    *, session: Session, strata: Mapping[str, str], gate_share: float, seed: int
) -> dict[str, TrainingPerson]:
    """The role of each of these patients; those who have none yet get one for ever.

    Args:
        session: a session of ``Database.transaction()``.
        strata: for each patient's id the group in which the share is to hold, e.g. ``"positive female 10-14"``.
        gate_share: of the people in the gate, between 0 and 1.
        seed: of the draw.

    Raises:
        ConflictError: a patient does not exist.
        ValidationError: the share or a stratum cannot be used.
    """
    if session.get_bind().dialect.name == "postgresql":  # two cohorts that are frozen at once must not share a quota
        session.connection().execute(text("LOCK TABLE training_person IN SHARE ROW EXCLUSIVE MODE"))
    everybody = _everybody(session)
    roles = plan_roles(known=everybody, strata=strata, gate_share=gate_share, seed=seed)
    assigned = {person.patient_id: person for person in everybody if person.patient_id in strata}
    new = {
        patient_id: TrainingPerson(patient_id=patient_id, role=role, stratum=strata[patient_id])
        for patient_id, role in roles.items()
        if patient_id not in assigned
    }
    with conflict_as(session, "A patient of this cohort does not exist any more. Choose the recordings again."):
        session.add_all(new.values())
    return {patient_id: new.get(patient_id) or assigned[patient_id] for patient_id in strata}


def planned_roles(
    *, session: Session, strata: Mapping[str, str], gate_share: float, seed: int
) -> dict[str, TrainingRole]:
    """The roles that ``assign_roles`` would give now; nothing is written."""
    return plan_roles(known=_everybody(session), strata=strata, gate_share=gate_share, seed=seed)


def plan_roles(
    *, known: Iterable[TrainingPerson], strata: Mapping[str, str], gate_share: float, seed: int
) -> dict[str, TrainingRole]:
    """The role of each patient of ``strata``: the one that is known, or a new one by quota.

    Args:
        known: *all* people who have a role, not only those of ``strata``: they count in the quota.
        strata: for each patient's id the stratum.
        gate_share: of the people in the gate.
        seed: of the draw.

    Raises:
        ValidationError: the share or a stratum cannot be used.
    """
    share = _checked_share(gate_share)
    if not all(1 <= len(stratum) <= _STRATUM_MAX for stratum in strata.values()):
        raise ValidationError(f"The name of a stratum has 1 to {_STRATUM_MAX} characters.")
    people, gate = Counter[str](), Counter[str]()
    roles: dict[str, TrainingRole] = {}
    for person in known:
        people[person.stratum] += 1
        gate[person.stratum] += person.role is TrainingRole.GATE
        if person.patient_id is not None and person.patient_id in strata:
            roles[person.patient_id] = person.role
    overall = share * people.total() - gate.total()  # how many people the gate lacks
    for patient_id in sorted(strata.keys() - roles.keys(), key=lambda patient_id: _draw(seed, patient_id)):
        stratum = strata[patient_id]
        lacking = share * (people[stratum] + 1) - gate[stratum]
        overall += share
        if lacking >= 1 or (lacking > 0 and overall > Fraction(1, 2)):
            roles[patient_id] = TrainingRole.GATE
            gate[stratum] += 1
            overall -= 1
        else:
            roles[patient_id] = TrainingRole.DEVELOPMENT
        people[stratum] += 1
    return roles


def people_of_role(*, session: Session, role: TrainingRole | str) -> list[TrainingPerson]:
    """Everybody who has the role, by code; erased patients are among them, without their id.

    Raises:
        ValidationError: there is no such role.
    """
    try:
        wanted = TrainingRole(role)
    except ValueError:
        raise ValidationError(f"A training role is one of: {', '.join(TrainingRole)}.") from None
    return [person for person in _everybody(session) if person.role is wanted]


def _everybody(session: Session) -> list[TrainingPerson]:
    statement = select(TrainingPerson).order_by(col(TrainingPerson.code))
    return list(session.exec(statement.execution_options(populate_existing=True)).all())


def _checked_share(gate_share: float) -> Fraction:
    if not 0 < gate_share < 1:
        raise ValidationError("The share of the gate lies between 0 and 1.")
    return Fraction(gate_share).limit_denominator(1000)


def _draw(seed: int, patient_id: str) -> str:
    return hashlib.sha256(f"{seed} {patient_id}".encode()).hexdigest()
