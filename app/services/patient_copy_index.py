"""The readable index of the copy of a patient's data: one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from app.services.report_content import score_blocks
from app.translation import translate
from reports.catalogues import direction
from reports.wording import outcome_label, task_title

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a2026}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{text-align:start;vertical-align:top;border-bottom:1px solid #c8d0d8;padding:.3rem .6rem .3rem 0}"
    "th{font-weight:600}h2{margin-top:2rem}"
)


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of the copy.

    Attributes:
        path: in the zip.
        key: in the storage.
        kind: video, silhouettes, overlay or report.
        row_id: of the recording or report that it belongs to.
    """

    path: str
    key: str
    kind: str
    row_id: str


def index_html(facts: Mapping[str, Any], files: Sequence[CopiedFile], language: str) -> str:
    """The page.

    Args:
        facts: what `data.json` holds.
        files: that lie beside it.
        language: in which it is written.
    """

    def tr(text: str, **values: object) -> str:
        return escape(translate(text, language, **values))

    patient = facts["patient"]
    paths: dict[str, list[CopiedFile]] = {}
    for file in files:
        paths.setdefault(file.row_id, []).append(file)
    parts = [
        f"<h1>{tr('Copy of all stored data of a patient')}</h1>",
        f"<p>{tr('Made at {time}.', time=_time(facts['made_at']))} {tr('Every stored fact is in data.json.')}</p>",
        f"<h2>{tr('Patient')}</h2>",
        _table(
            (),
            [
                (tr("Record number"), escape(patient["record_number"])),
                (tr("Name"), escape(f"{patient['family_name']}, {patient['given_name']}".strip(", "))),
                (tr("Birth date"), escape(str(patient["birth_date"]))),
                (tr("Sex"), escape(translate(patient["sex"], language))),
                (tr("Remarks"), escape(patient["notes"]) or "–"),
                (tr("Consent to training"), tr("given") if patient["training_consent"] else tr("not given")),
            ],
        ),
        f"<h2>{tr('Recordings')}</h2>",
        _rows(
            (tr("Uploaded"), tr("File name"), tr("Files")),
            [
                (
                    _time(row["created_at"]),
                    escape(row["original_name"]),
                    _links(paths.get(row["id"], ()))
                    + (
                        f"<br>{tr('The video was removed at {time}.', time=_time(row['video_removed_at']))}"
                        if row.get("video_removed_at")
                        else ""
                    ),
                )
                for row in facts["recordings"]
            ],
            tr("None."),
        ),
        f"<h2>{tr('Assessments')}</h2>",
        _rows(
            (tr("Made"), tr("Model"), tr("Results")),
            [
                (
                    _time(row["created_at"]),
                    escape("{name} {version}".format_map(row["result"].get("model") or {"name": "–", "version": ""})),
                    "<br>".join(_scores(row["result"], language)) or "–",
                )
                for row in facts["assessments"]
            ],
            tr("None."),
        ),
        *_written(facts, language),
        f"<h2>{tr('Reports')}</h2>",
        _rows(
            (tr("Number"), tr("Made"), tr("File")),
            [
                (escape(row["number"]), _time(row["created_at"]), _links(paths.get(row["id"], ())))
                for row in facts["reports"]
            ],
            tr("None."),
        ),
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="{escape(language)}" dir="{direction(language)}"><head><meta charset="utf-8">'
        f"<title>{tr('Copy of all stored data of a patient')}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _written(facts: Mapping[str, Any], language: str) -> Iterable[str]:
    """What clinicians wrote down: decisions, outcomes, notes."""

    def tr(text: str, **values: object) -> str:
        return escape(translate(text, language, **values))

    yield f"<h2>{tr('Decisions')}</h2>"
    yield _rows(
        (tr("Made"), tr("Screened for"), tr("Decision"), tr("Reason")),
        [
            (
                _time(row["created_at"]),
                escape(task_title(row["task"], language)),
                escape(" ".join(filter(None, (row["verdict"], row["label"])))),
                escape(row["reason"] or row["phq9_waived_reason"] or "–"),
            )
            for row in facts["decisions"]
        ],
        tr("None."),
    )
    yield f"<h2>{tr('Confirmed outcomes')}</h2>"
    yield _rows(
        (tr("Recorded"), tr("Screened for"), tr("Outcome"), tr("Note")),
        [
            (
                _time(row["created_at"]),
                escape(task_title(row["task"], language)),
                escape(", ".join(str(each) for each in (row["label"], row["method"], row["examined_on"]) if each)),
                escape(row["note"] or "–"),
            )
            for row in facts["outcomes"]
        ],
        tr("None."),
    )
    yield f"<h2>{tr('Notes')}</h2>"
    yield _rows(
        (tr("Written"), tr("Note")),
        [(_time(row["created_at"]), escape(row["text"]).replace("\n", "<br>")) for row in facts["notes"]],
        tr("None."),
    )


def _scores(result: Mapping[str, Any], language: str) -> list[str]:
    if not result.get("scores"):
        return []
    return [
        escape(f"{task_title(score.task, language)}: {outcome_label(score, language)}")
        for score in score_blocks(dict(result), language)
    ]


def _links(files: Iterable[CopiedFile]) -> str:
    return "<br>".join(f'<a href="{escape(file.path)}">{escape(file.path)}</a>' for file in files)


def _time(text: str) -> str:
    return escape(text[:16].replace("T", " ") + " UTC")


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    return _table(head, rows) if rows else f"<p>{empty}</p>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{top}</tr></thead>' if top else ''}<tbody>{lines}</tbody></table>"
