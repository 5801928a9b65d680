"""The administrator's pages of retraining, in every state: empty, many rows, running, failed, and every verdict."""

from __future__ import annotations

import pytest
from conftest import add_user
from retrained import (
    add_candidate,
    add_people,
    add_production,
    claim,
    end,
    freeze,
    gate_report,
    show_live,
    start,
)
from test_pages import button, healthy, open_page, texts

from app.services.cohort_selection import CohortFilters
from clinic_data import jobs, promotions
from clinic_data.tables import Role, Stage
from fgait_core.gate_report import Measured

__all__ = ["open_page"]


def administrator(open_page, view: str, **query: str) -> str:
    return texts(healthy(open_page(view, "administrator", **query)))


def progress_words(page) -> str:
    return " ".join(element.proto.text for element in page.get("progress"))


def test_pages_of_an_empty_clinic_say_what_comes_first(open_page):
    assert "is confirmed yet" in administrator(open_page, "retraining.py")
    assert "No cohort is frozen yet" in administrator(open_page, "retraining.py", section="cohorts")
    assert "frozen cohort" in administrator(open_page, "retraining.py", section="protocol")
    assert "Nothing was retrained yet" in administrator(open_page, "retraining.py", section="runs")
    read = administrator(open_page, "models.py")
    for words in ("No model is in production yet", "no other version", "No key of another clinic", "Fingerprint"):
        assert words in read


@pytest.mark.parametrize(("view", "name"), [("retraining_run.py", "retraining"), ("model.py", "version")])
def test_addresses_that_name_nothing_or_something_unknown(open_page, view: str, name: str):
    assert "Nothing chosen" in administrator(open_page, view)
    assert "does not exist" in administrator(open_page, view, **{name: "f" * 32})


def test_choosing_counts_people_and_says_who_is_left_out(open_page, clinic):
    add_people(clinic, 12)
    add_people(clinic, 3, consent=False, first=12)
    page = healthy(open_page("retraining.py", "administrator"))
    read = texts(page)
    for words in (
        "No consent to training",
        "not named",
        "North",
        "1920x1080",
        "for ever",
        "Age",
    ):
        assert words in read
    assert "Hidden" not in read
    page.multiselect(key="sites-scoliosis").set_value(["North"]).run()
    assert "Outside the chosen sites" in texts(healthy(page))
    page.multiselect(key="views").set_value(["front"]).run()
    assert "nothing to freeze" in texts(healthy(page))


def test_dates_that_contradict_each_other_are_refused_at_once(open_page, clinic):
    add_people(clinic, 3)
    page = healthy(open_page("retraining.py", "administrator"))
    first, last = page.date_input[0], page.date_input[1]
    first.set_value(last.value)
    last.set_value(last.value.replace(year=last.value.year - 1)).run()
    assert "after the last one" in texts(healthy(page))


def test_freezing_leads_to_the_protocol_and_starting_to_the_run(open_page, clinic):
    add_people(clinic, 30)
    page = healthy(open_page("retraining.py", "administrator"))
    assert "cannot be undone" in texts(page)
    healthy(page.button(key="freeze").click().run())
    cohort = clinic.services.cohorts.list(clinic.administrator).rows[0]
    listed = administrator(open_page, "retraining.py", section="cohorts")
    for words in ("Cohort 1", "30 recordings of 30 people", cohort.manifest_sha256[:12]):
        assert words in listed
    page = healthy(open_page("retraining.py", "administrator", section="protocol", cohort=cohort.id))
    read = texts(page)
    for words in ("Checked now", "Consent", "Disk", "drawn 0.0.1", "Measured on the locked gate people"):
        assert words in read
    page.radio(key="scope").set_value("recalibration").run()
    page.number_input(key="auroc-margin").set_value(0.02).run()
    healthy(page.button(key="start").click().run())
    view = clinic.services.retrainings.list(clinic.administrator).rows[0]
    assert view.retraining.protocol["scope"] == "recalibration"
    assert view.retraining.protocol["acceptance"]["auroc_margin"] == 0.02
    runs = administrator(open_page, "retraining.py", section="runs")
    assert "Recalibration only" in runs
    assert "waiting for a trainer" in runs


def test_what_forbids_a_start_is_said_and_the_button_is_off(open_page, clinic):
    cohort = freeze(clinic, 6)
    page = healthy(open_page("retraining.py", "administrator", section="protocol", cohort=cohort.id))
    assert "cannot start" in texts(page)
    assert page.button(key="start").disabled


def test_many_cohorts_are_paged(open_page, clinic):
    add_people(clinic, 6)
    for _ in range(23):
        clinic.services.cohorts.freeze(clinic.administrator, CohortFilters(task="scoliosis"))
    page = healthy(open_page("retraining.py", "administrator", section="cohorts"))
    assert "Cohorts: 23" in texts(page)
    page.number_input(key="cohort-page").set_value(2).run()
    assert "Cohort 3<" in texts(healthy(page))


def test_a_run_is_watched_cancelled_and_taken_up_again(open_page, clinic):
    retraining = start(clinic, freeze(clinic))
    page = healthy(open_page("retraining_run.py", "administrator", retraining=retraining.id))
    assert "Waiting for a trainer" in progress_words(page)
    claim(clinic)
    show_live(
        clinic,
        retraining,
        stage="Fitting the head",
        fraction=0.4,
        seconds_left=200.0,
        curves={"head: loss": [[0, 1.0], [1, 0.5]], "head: accuracy": [[1, 0.7]], "loss": []},
        log=["epoch 1", "<b>epoch 2</b>"],
    )
    page = healthy(open_page("retraining_run.py", "administrator", retraining=retraining.id))
    assert "Fitting the head – about 3 min left" in progress_words(page)
    assert "&lt;b&gt;epoch 2" in texts(page)
    assert len(page.get("plotly_chart")) == 2
    healthy(page.button(key="cancel").click().run())
    with clinic.services.database.transaction() as session:
        job = jobs.list_jobs(session=session, limit=1).rows[0]
        assert job.cancel_requested
        jobs.mark_cancelled(session=session, job_id=job.id, worker="trainer")
    page = healthy(open_page("retraining_run.py", "administrator", retraining=retraining.id))
    assert "was cancelled" in texts(page)
    healthy(page.button(key="retry").click().run())
    again = clinic.services.retrainings.get(clinic.administrator, retraining.id).job
    assert again is not None
    assert again.state.value == "queued"


def test_a_failed_run_says_why(open_page, clinic):
    retraining = start(clinic, freeze(clinic))
    with clinic.services.database.transaction() as session:
        job = jobs.claim(session=session, worker="trainer", queues=("train-cpu",))
        assert job is not None
        jobs.fail(session=session, job_id=job.id, worker="trainer", reason="The disk is full.", retry=False)
    assert "The disk is full." in administrator(open_page, "retraining_run.py", retraining=retraining.id)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("passed", "Passed: all 2 criteria"),
        ("refused", "Refused by the gate: 1 of 2 criteria"),
        ("impossible", "Promotion is impossible: too few locked people"),
    ],
)
def test_the_verdict_stands_beside_the_protocol(open_page, clinic, verdict: str, words: str):
    retraining = start(clinic, freeze(clinic))
    stage = Stage.CANDIDATE if verdict == "passed" else Stage.REJECTED
    end(clinic, retraining, add_candidate(clinic, gate_report(verdict, simulated=verdict != "refused"), stage=stage))
    read = administrator(open_page, "retraining_run.py", retraining=retraining.id)
    assert words in read
    assert ("SIMULATED PEOPLE" in read) == (verdict != "refused")
    for detail in (
        retraining.protocol_sha256,
        "Fixed before the run",
        "0.83 (0.73 to 0.91)",
        "+0.11 (−0.02 to +0.20)",
        "+4 (−5 to +13) points",
        "cannot be said",
        "p < 0.001",
        "Sex: female",
        "now right",
    ):
        assert detail in read
    assert "Hidden" not in read


def test_a_version_leads_back_to_what_made_it(clinic):
    retraining = start(clinic, freeze(clinic))
    candidate = add_candidate(clinic, gate_report("passed"))
    imported = add_candidate(clinic, gate_report("passed"), number=2)
    end(clinic, retraining, candidate)
    models = clinic.services.models
    made_by = models.get(clinic.administrator, candidate.id).retraining
    assert made_by is not None
    assert made_by.id == retraining.id
    assert models.get(clinic.administrator, imported.id).retraining is None


def test_many_changed_recordings_are_shown_when_asked_for(open_page, clinic):
    candidate = add_candidate(clinic, gate_report(changed=30))
    page = healthy(open_page("model.py", "administrator", version=candidate.id))
    before = texts(page).count("flagged")
    page.checkbox(key="model-changed").check().run()
    assert texts(healthy(page)).count("flagged") > before


def test_a_comparison_without_subgroups_and_changes_says_so(open_page, clinic):
    report = gate_report(changed=0, subgroups=(), paired=gate_report().paired.model_copy(update={"auroc_p": None}))
    read = administrator(open_page, "model.py", version=add_candidate(clinic, report).id)
    assert "No subgroup has enough people" in read
    assert "No recording changes side" in read


def test_a_promotion_needs_a_second_administrator(open_page, clinic):
    candidate = add_candidate(clinic, gate_report())
    with clinic.services.database.transaction() as session:
        promotions.request(
            session=session,
            to_version_id=candidate.id,
            reason="Better in every way",
            actor_id=clinic.administrator.user_id,
        )
    page = healthy(open_page("models.py", "administrator"))
    assert "you are the only one" in texts(page)
    add_user(clinic.services, "eve", Role.ADMINISTRATOR)
    page = healthy(open_page("models.py", "administrator"))
    read = texts(page)
    assert "another administrator must decide" in read
    assert "Better in every way" in read
    assert not [each for each in page.button if each.label.startswith("Approve")]
    healthy(button(page, "Withdraw the request").click().run())
    assert "is asked for" not in administrator(open_page, "models.py")


def test_the_second_administrator_refuses_with_a_reason(open_page, clinic):
    candidate = add_candidate(clinic, gate_report())
    other = add_user(clinic.services, "eve", Role.ADMINISTRATOR)
    with clinic.services.database.transaction() as session:
        promotions.request(
            session=session, to_version_id=candidate.id, reason="Better in every way", actor_id=other.user_id
        )
    page = healthy(open_page("models.py", "administrator"))
    assert [each for each in page.button if each.label.startswith("Approve")]
    button(page, "Refuse").click().run()
    assert page.error
    page.text_area(key="decision").set_value("The subgroups are too small.").run()
    healthy(button(page, "Refuse").click().run())
    read = administrator(open_page, "models.py")
    assert "The subgroups are too small." in read
    assert "refused" in read


def test_a_version_can_be_rejected_and_says_why_it_cannot_be_promoted(open_page, clinic):
    candidate = add_candidate(clinic, None)
    page = healthy(open_page("model.py", "administrator", version=candidate.id))
    read = texts(page)
    for words in ("never compared", "No promotion can be asked for now", "came with the software", "Lineage"):
        assert words in read
    page.text_input(key="reject-reason").set_value("It was trained on the wrong people.").run()
    healthy(page.button(key="reject").click().run())
    assert "rejected" in administrator(open_page, "models.py")


def test_an_imported_version_is_evaluated_on_ones_own_people(open_page, clinic):
    version = add_candidate(clinic, None, stage=Stage.QUARANTINE)
    assert "needs a frozen cohort" in administrator(open_page, "model.py", version=version.id)
    freeze(clinic)
    page = healthy(open_page("model.py", "administrator", version=version.id))
    healthy(page.button(key="evaluate").click().run())
    assert "Evaluation of a package" in administrator(open_page, "jobs.py")
    assert "Evaluation" in administrator(open_page, "model.py", version=version.id)


def test_keys_are_trusted_and_revoked(open_page, clinic):
    add_production(clinic)
    page = healthy(open_page("models.py", "administrator"))
    page.text_input[0].set_value("Clinic by the sea")
    page.text_input[1].set_value("12")
    button(page, "Trust this key").click().run()
    assert page.error
    page.text_input[0].set_value("Clinic by the sea")
    page.text_input[1].set_value("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    healthy(button(page, "Trust this key").click().run())
    page = healthy(open_page("models.py", "administrator"))
    assert "Clinic by the sea" in texts(page)
    button(page, "Revoke the key").click().run()
    assert "revoked" in administrator(open_page, "models.py")


def test_about_names_the_version_in_production_and_on_whom_it_was_measured(open_page, clinic):
    add_production(clinic)
    adapted = {
        "task": "scoliosis",
        "scope": "head",
        "people": 160,
        "recordings": 171,
        "simulated_people": False,
        "base_name": "drawn",
        "base_version": "0.0.1",
    }
    candidate = add_candidate(clinic, gate_report(sha256=f"{1:064x}"), adapted_on=adapted)
    assert "drawn 0.0.1" in texts(healthy(open_page("about.py", "clinician")))
    other = add_user(clinic.services, "eve", Role.ADMINISTRATOR)
    with clinic.services.database.transaction() as session:
        request = promotions.request(
            session=session, to_version_id=candidate.id, reason="Better in every way", actor_id=other.user_id
        )
        promotions.approve(
            session=session,
            promotion_id=request.id,
            reason="All criteria are met.",
            actor_id=clinic.administrator.user_id,
        )
    read = texts(healthy(open_page("about.py", "clinician")))
    for words in (
        "drawn 0.0.1-r1",
        "SIMULATED MODEL",
        "adapted to 160 people of a clinic",
        "measured on people of that",
    ):
        assert words in read
    assert "measured on patients" not in read


def test_measured_values_are_never_more_certain_than_they_are():
    from app.views.parts.gate_report import difference, number, p_value, points, share

    assert number(Measured(value=None)) == "cannot be said"
    assert number(Measured(value=0.5)) == "0.50"
    assert share(Measured(value=0.8, low=0.61, high=0.92)) == "80 % (61 % to 92 %)"
    assert difference(Measured(value=0.0, low=-0.1, high=0.1)) == "0.00 (−0.10 to +0.10)"
    assert points(Measured(value=-0.04, low=-0.1, high=0.02)) == "−4 (−10 to +2) points"
    assert p_value(0.00002) == "< 0.001"
