"""Model versions: which one screens, an open request for promotion, roll-back, packages of other clinics, keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from app import session
from app.services.models import MIN_REASON, ModelList
from app.services.permissions import Actor, Permission
from app.views.parts import gate_report, links, look, page, promotion_rows, training_states
from app.views.parts.promotion_rows import label
from app.views.parts.words import language, tr
from clinic_data.retraining_tables import Promotion
from clinic_data.tables import ModelVersion, Role, User
from reports.wording import percent_of_count, task_title

_ROWS = 20
_MAX_PACKAGE_MB = 200


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Models"))
    found = session.services().models.list(actor)
    users = {user.id: user for user in session.services().users.list_users(actor)}
    versions = {version.id: version for version in found.versions}
    if found.open_request is not None:
        _request(actor, found.open_request, versions, users)
    _production(actor, found)
    _versions(found.versions)
    _promotions(found.promotions, versions, users)
    _other_clinics(actor)


def _request(actor: Actor, request: Promotion, versions: Mapping[str, ModelVersion], users: Mapping[str, User]) -> None:
    wanted = versions[request.to_version_id]
    with st.container(border=True):
        st.html(
            f"<h3>A promotion is asked for: {escape(label(wanted))}</h3>"
            f"<div>{escape(users[request.requested_by].display_name)} asks, "
            f"{escape(session.shown_time(request.requested_at))}: “{escape(request.reason)}”</div>"
        )
        links.link(links.MODEL, tr("Read the comparison and the model card"), version=wanted.id)
        if request.requested_by == actor.user_id:
            _own_request(actor, request, users)
        else:
            _decide(actor, request, wanted)


def _own_request(actor: Actor, request: Promotion, users: Mapping[str, User]) -> None:
    others = [
        user
        for user in users.values()
        if user.role is Role.ADMINISTRATOR and user.active and user.id != request.requested_by
    ]
    if others:
        st.info(tr("You asked for this promotion, so another administrator must decide."))
    else:
        st.warning(
            tr(
                "You asked for this promotion, so another administrator must decide; but you are the only one. Create "
                "another administrator on the page Users."
            )
        )
    if st.button(tr("Withdraw the request"), key="withdraw"):
        with page.errors_shown():
            session.services().models.withdraw(actor, request.id)
            session.put_notice(tr("The request is withdrawn."))
            st.rerun()


def _decide(actor: Actor, request: Promotion, wanted: ModelVersion) -> None:
    models = session.services().models
    reason = st.text_area(
        tr("Why you approve or refuse"),
        key="decision",
        max_chars=1000,
        height=80,
        placeholder=tr("At least {MIN_REASON} characters; kept with the decision", MIN_REASON=MIN_REASON),
    )
    with st.container(horizontal=True):
        approved = st.button(
            tr("Approve: put {version} into production", version=label(wanted)), key="approve", type="primary"
        )
        refused = st.button(tr("Refuse"), key="refuse")
    with page.errors_shown():
        if approved:
            with st.spinner(tr("Checking once more that nobody of the gate was trained on, and switching")):
                models.approve(actor, request.id, reason)
            session.put_notice(
                tr("{version} is in production. New screenings use it from now on.", version=label(wanted))
            )
            st.rerun()
        if refused:
            models.refuse(actor, request.id, reason)
            session.put_notice(tr("The promotion is refused."))
            st.rerun()


def _production(actor: Actor, found: ModelList) -> None:
    st.subheader(tr("In production"))
    if found.production is None:
        st.info(tr("No model is in production yet. The worker registers the bundled one when it starts."))
        return
    with st.container(border=True):
        left, right = st.columns([4, 2], vertical_alignment="center")
        with left:
            _row(found.production)
        with right:
            links.link(links.MODEL, tr("Open"), version=found.production.id)
            back = found.roll_back_target
            if back is None:
                st.caption(tr("There is no earlier version to roll back to."))
            elif st.button(
                tr("Roll back to {version}", version=label(back)),
                key="roll-back",
                width="stretch",
                help=tr(
                    "At once and without a second person. New screenings use the earlier version; stored results keep "
                    "theirs."
                ),
            ):
                with page.errors_shown():
                    session.services().models.roll_back(actor, expected_production_id=found.production.id)
                    session.put_notice(tr("{version} is in production again.", version=label(back)))
                    st.rerun()


def _versions(versions: Sequence[ModelVersion]) -> None:
    others = [version for version in versions if version.stage.value != "production"]
    st.subheader(tr("Other versions"))
    if not others:
        st.info(tr("There is no other version yet. A retraining or an imported package makes one."))
        return
    skip = (session.value_of("version-page", 1) - 1) * _ROWS
    for version in others[skip : skip + _ROWS]:
        with st.container(border=True):
            left, right = st.columns([5, 1], vertical_alignment="center")
            with left:
                _row(version)
            with right:
                links.link(links.MODEL, tr("Open"), version=version.id)
    st.caption(tr("Other versions: {n}", n=len(others)))
    page.pager(len(others), _ROWS, "version-page")


def _row(version: ModelVersion) -> None:
    report = training_states.report_of(version)
    pills = [training_states.stage_pill(version)]
    if report is not None and version.stage.value != "production":
        pills.append(gate_report.pill(report))
    if version.simulated:
        pills.append(look.pill(tr("simulated"), "wait"))
    about = [
        tr(training_states.ORIGINS[version.origin]),
        session.shown_time(version.created_at),
        tr("package {sha256}", sha256=look.sha256(version.sha256, short=True)),
    ]
    st.html(
        f"<b>{escape(label(version))}</b> &nbsp; {' '.join(pills)}<br>"
        f'<span class="fg-small">{escape(_figures(version))}</span><br>'
        f'<span class="fg-muted fg-small">{" · ".join(about)}</span>'
    )


def _figures(version: ModelVersion) -> str:
    """Sensitivity and specificity of each task, as the package says them."""
    parts: list[str] = []
    for task, figures in (version.metrics.get("figures") or {}).items():
        found, cleared = figures.get("sensitivity"), figures.get("specificity")
        if found is not None and cleared is not None:
            words = tr(
                "sensitivity {found}, specificity {cleared}",
                found=percent_of_count(found),
                cleared=percent_of_count(cleared),
            )
            parts.append(f"{task_title(task, language())}: {words}")
    return " · ".join(parts)


def _promotions(
    promotions: Sequence[Promotion], versions: Mapping[str, ModelVersion], users: Mapping[str, User]
) -> None:
    if promotions:
        with st.expander(tr("Promotions and roll-backs so far ({n})", n=len(promotions))):
            promotion_rows.show(promotions, versions, users)


def _other_clinics(actor: Actor) -> None:
    st.subheader(tr("Other clinics"))
    with st.expander(tr("Import a package")):
        _import(actor)
    with st.expander(tr("Keys")):
        _own_key(actor)
        _trusted_keys(actor)


def _import(actor: Actor) -> None:
    st.markdown(
        tr(
            "A package must be signed with a key that you trust (below). It stays in quarantine until it was "
            "evaluated on your own locked people."
        )
    )
    file = st.file_uploader(tr("Signed package"), key="package", max_upload_size=_MAX_PACKAGE_MB)
    if file is None or not st.button(tr("Import the package"), key="import", type="primary"):
        return
    with page.errors_shown():
        with st.spinner(tr("Verifying signature and package")):
            version = session.services().models.import_package(actor, file.getvalue())
        session.put_notice(tr("{version} is in quarantine.", version=label(version)))
        st.switch_page(links.MODEL, query_params={"version": version.id})


def _own_key(actor: Actor) -> None:
    own = session.services().models.own_key(actor)
    st.markdown(tr("**Your clinic's key.** Give it to clinics that shall accept your packages; it is no secret."))
    look.table(
        (tr("What"), tr("Value")),
        [
            (tr("Public key"), f'<span class="fg-hash">{escape(own.public_key)}</span>'),
            (tr("Fingerprint"), f'<span class="fg-hash">{escape(own.fingerprint)}</span>'),
        ],
    )


def _trusted_keys(actor: Actor) -> None:
    models = session.services().models
    st.markdown(
        tr("**Keys that you trust.** Compare the fingerprint with the other clinic by telephone before you add it.")
    )
    keys = models.keys(actor)
    if not keys:
        st.info(tr("No key of another clinic is trusted yet."))
    for view in keys:
        with st.container(border=True):
            left, right = st.columns([5, 1.2], vertical_alignment="center")
            state = ("revoked", "neutral") if view.key.revoked_at else ("trusted", "ok")
            left.html(
                f"<b>{escape(view.key.name)}</b> &nbsp; {look.pill(*state)}<br>"
                f'<span class="fg-hash fg-muted">{escape(view.fingerprint)}</span>'
            )
            if view.key.revoked_at is None:
                with right.popover(tr("Revoke …"), width="stretch"):
                    st.markdown(tr("Packages signed with this key are refused from now on. This cannot be undone."))
                    if st.button(tr("Revoke the key"), key=f"revoke-{view.key.id}", type="primary"):
                        with page.errors_shown():
                            models.revoke_key(actor, view.key.id)
                            st.rerun()
    with st.form("trust", border=False, clear_on_submit=True):
        name = st.text_input(tr("Clinic"), max_chars=120)
        public_key = st.text_input(tr("Its public key"), max_chars=64, placeholder=tr("64 hexadecimal digits"))
        if st.form_submit_button(tr("Trust this key")):
            with page.errors_shown():
                models.trust_key(actor, name, public_key)
                st.rerun()


if __name__ == "__main__":
    page.run(Permission.MANAGE_MODELS, body)
