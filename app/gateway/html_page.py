"""The frame of the few pages that are plain HTML; it looks like the rest of the application."""

from __future__ import annotations

from html import escape
from string import Template
from urllib.parse import quote

from app.translation import translate
from reports.catalogues import LANGUAGES, direction

_PAGE = Template(
    """<!DOCTYPE html>
<html lang="$language" dir="$direction">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · FGait</title>
<link rel="icon" href="data:,">
<style>
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:24px;
 background:#eef4f5;color:#16262b;font:16px/1.5 "Source Sans",system-ui,-apple-system,"Segoe UI",sans-serif}
main{width:100%;max-width:420px;background:#fff;border:1px solid #d3dee1;border-radius:10px;padding:32px;
 box-shadow:0 1px 2px rgba(22,38,43,.06)}
.brand{display:flex;align-items:center;gap:10px;color:#0b6e75;font-weight:650;font-size:18px;margin-bottom:4px}
.clinic{color:#4a5f66;margin:0 0 20px}
h1{font-size:24px;line-height:1.25;margin:0 0 6px;font-weight:650}
p{margin:0 0 16px}
label{display:block;font-weight:600;margin:14px 0 4px}
input[type=text],input[type=password]{width:100%;padding:10px 12px;border:1px solid #9db1b7;border-radius:6px;
 font:inherit}
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid #0b6e7566;outline-offset:1px;
 border-color:#0b6e75}
button{width:100%;margin-top:22px;padding:11px;border:0;border-radius:6px;background:#0b6e75;color:#fff;font:inherit;
 font-weight:600;cursor:pointer}
button:hover{background:#095a60}
.elsewhere a{display:block;margin-top:14px;padding:10px;border:1px solid #0b6e75;border-radius:6px;text-align:center;
 font-weight:600;text-decoration:none}
.message{border-radius:6px;padding:10px 12px;margin:0 0 8px}
.error{background:#fdecea;color:#7d1a12;border:1px solid #f1b9b3}
.notice{background:#e8f3f4;color:#0a4f54;border:1px solid #b7d8da}
.hint{color:#4a5f66;font-size:14px;margin:6px 0 0}
.foot{color:#4a5f66;font-size:14px;border-top:1px solid #e3eaec;margin:24px 0 0;padding-top:14px}
a{color:#0b6e75}
.qr{display:block;margin:0 auto 8px;width:200px;height:200px}
.secret{display:block;text-align:center;font:15px/1.6 ui-monospace,monospace;overflow-wrap:anywhere;margin:0 0 16px}
.codes{columns:2;list-style:none;margin:0 0 16px;padding:14px 16px;background:#f4f8f9;border:1px solid #d3dee1;
 border-radius:6px;font:16px/1.9 ui-monospace,monospace}
.second{background:#fff;color:#0b6e75;border:1px solid #0b6e75}
.second:hover{background:#e8f3f4}
.danger{background:#fff;color:#7d1a12;border:1px solid #7d1a12}
.danger:hover{background:#fdecea}
.go{display:block;text-align:center;margin-top:22px;padding:11px;border-radius:6px;background:#0b6e75;color:#fff;
 font-weight:600;text-decoration:none}
h2{font-size:18px;margin:24px 0 4px}
@media print{body{background:#fff}.go,.languages,.foot{display:none}}
.languages{display:flex;gap:16px;margin-top:12px;font-size:14px}
.languages b{font-weight:600}
</style>
</head>
<body>
<main>
<div class="brand"><svg width="26" height="26" viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="2.2"
 stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><circle cx="14.5" cy="4" r="2.4"/>
 <path d="M14 8.5l-2.5 7 4.5 4 1 5M11.5 15.5L9 20l-4 3.5M14 8.5l4 3.5 4 .5M14 8.5L9.5 10 8 13.5"/></svg>FGait</div>
<p class="clinic">$clinic</p>
<h1>$title</h1>
$body
<p class="foot">$foot</p>
<nav class="languages" aria-label="$languages_label">$languages</nav>
</main>
</body>
</html>
"""
)


def page(title: str, body: str, clinic_name: str, language: str = "en", path: str = "/") -> str:
    """A whole page.

    Args:
        title: plain text, in the reader's language.
        body: HTML whose texts are escaped already.
        clinic_name: plain text.
        language: of the reader.
        path: where the choice of another language leads back to.
    """
    foot = translate("Gait screening from video. A screening aid for trained staff, not a diagnosis.", language)
    return _PAGE.substitute(
        title=escape(title),
        body=body,
        clinic=escape(clinic_name),
        language=language,
        direction=direction(language),
        foot=escape(foot),
        languages=_choice_of_language(language, path),
        languages_label=escape(translate("Language", language)),
    )


def _choice_of_language(language: str, path: str) -> str:
    links = (
        f"<b>{name}</b>"
        if code == language
        else f'<a href="/language?to={code}&amp;next={quote(path, safe="")}" lang="{code}">{name}</a>'
        for code, name in LANGUAGES.items()
    )
    return "".join(links)


def message(text: str, kind: str) -> str:
    """A box with a message of kind "error" or "notice", or nothing for an empty text."""
    return f'<p class="message {kind}" role="alert">{escape(text)}</p>' if text else ""


def hidden(name: str, value: str) -> str:
    """A hidden form field."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def text_field(name: str, label: str, *, autocomplete: str, value: str = "", autofocus: bool = False) -> str:
    """A labelled text field; ``autocomplete`` tells password keepers and phones what belongs into it."""
    focus = " autofocus" if autofocus else ""
    return (
        f'<label for="{name}">{escape(label)}</label><input type="text" id="{name}" name="{name}" required'
        f' autocomplete="{autocomplete}" autocapitalize="none" spellcheck="false" value="{escape(value)}"{focus}>'
    )


def username_for_password_keepers(username: str) -> str:
    """A hidden field from which a password keeper learns whose password is changed."""
    return f'<input type="text" name="username" autocomplete="username" value="{escape(username)}" hidden>'


def password_field(name: str, label: str, *, autocomplete: str, autofocus: bool = False) -> str:
    """A labelled password field."""
    focus = " autofocus" if autofocus else ""
    return (
        f'<label for="{name}">{escape(label)}</label><input type="password" id="{name}" name="{name}" required'
        f' autocomplete="{autocomplete}"{focus}>'
    )
