"""The screen of the box (tty1): how it stands, always; and the technician's menu, behind a PIN.

Two processes. The screen (`program`, an own user, no network, no key) shows and takes keys; it only
reads what names no patient. What the menu does is done by a session (`session`, root, one for each
visit, started by systemd when the screen calls): it asks for the PIN itself, so that nothing at the
keyboard, nor a screen gone astray, can do more than ask.

| module | what |
|---|---|
| `states` | where a visit stands, as one table; `visit`: one step of it. Pure |
| `status`, `pages` | what the screen says of the box, and as which lines. Pure |
| `idle_pages`, `lines` | a box that is new, wiped or closed; what pages are made of. Pure |
| `looking`, `setting`, `mounts` | reads the box: what it was told to be, and what is mounted |
| `terminal`, `line`, `program` | keys and frames; the line to the session; the loop |
| `attempts`, `session` | wrong PINs and their delays; the session's side of a visit |
"""
