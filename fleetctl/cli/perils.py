"""Which commands are worth a question: those that destroy data, or take a machine or its users away.

Looked for where a command can begin: at the start, behind `;`, `|`, `&`, a bracket or a quote, and behind words that
start another command, such as sudo. So `echo reboot` is none, and `echo "reboot"` is one: a question too many costs a
keystroke. What a script, an alias or a variable hides is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_QUOTES = "'\""
_APART = re.compile(r"[;|&\n()`]")
_PIECE = re.compile(rf"[{_QUOTES}]|[^\s{_QUOTES}]+")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=.*")
_OPTION = re.compile(r"-.*|\d[\d.]*\w?")
_TAKES_A_WORD = re.compile(r"-[ugpCrtTDRUsIda]|--[a-z-]+")
"""Of those commands that start others; numbers count as options."""
_WITH_A_WORD = {"chroot", "flock"}
"""These have a word of their own, a directory or a file, before the command."""
_ONLY_SAYS = {"--help", "--version"}
_SEARCHES = {"grep", "egrep", "fgrep", "zgrep", "rg", "awk", "sed", "logger", "wall"}
"""A quote behind these begins no command."""
_LEADS = frozenset({
    "sudo", "doas", "su", "exec", "env", "nohup", "nice", "ionice", "setsid", "time", "timeout", "xargs", "command",
    "builtin", "busybox", "chroot", "nsenter", "unshare", "eval", "watch", "stdbuf", "flock", "parallel", "screen",
    "systemd-run", "if", "then", "else", "elif", "do", "while", "until", "!", "{", "$",
})  # fmt: skip

_DISK = r"/dev/(?:sd|hd|vd|xvd|nvme|mmcblk|md\d|dm-|mapper/|disk/)"
# The name of a command, and what among its words makes it one; "" is always.
_NAMED = {
    "rm": r"\s(-[A-Za-z]*[rR][A-Za-z]*|--recursive)\s",
    "find": r"\s(-delete|-(exec|execdir|ok)\s+(/\S*/)?rm)\s",
    "reboot": "", "shutdown": r"^(?!.*\s(-c|--show)\s)", "poweroff": "", "halt": "", "kexec": "",
    "init": r"^\s+[0156sS]\s", "telinit": r"^\s+[0156sS]\s",
    "systemctl": r"\s(reboot|poweroff|halt|kexec|soft-reboot|rescue|emergency|isolate)\s"
    r"|\s(stop|disable|mask)\s(.*\s)?(sshd?|network|networking|NetworkManager|systemd-networkd)(\.service|\.socket)?\s",
    "service": r"^\s(sshd?|network|networking)\sstop\s",
    "mke2fs": "", "mkswap": "", "wipefs": r"\s(-\w*[ao]\w*|--all|--offset\S*)\s",
    "blkdiscard": "", "shred": "", "truncate": "",
    "dd": r"\sof=", "tee": rf"\s{_DISK}", "cp": rf"\s{_DISK}\S*\s$", "dropdb": "",
    "fdisk": r"^(?!.*\s(-l|--list)\s)", "sfdisk": r"^(?!.*\s(-l|--list|-d|--dump)\s)", "gdisk": r"^(?!.*\s-l\s)",
    "sgdisk": r"^(?!.*\s(-p|--print)\s)", "cfdisk": "", "parted": r"^(?!.*\s(-l|--list|print)\s)",
    "lvremove": "", "vgremove": "", "pvremove": "",
    "zfs": r"\s(destroy|rollback)\s", "zpool": r"\s(destroy|labelclear)\s", "cryptsetup": r"\s(luksFormat|erase)\s",
    "userdel": "", "deluser": "", "groupdel": "", "delgroup": "",
    "iptables": r"\s(-F|--flush|-P\s+\w+\s+DROP)\s", "ip6tables": r"\s(-F|--flush|-P\s+\w+\s+DROP)\s",
    "nft": r"\sflush\s",
    "ip": r"\slink\s.*\sdown\s", "ifconfig": r"\sdown\s", "ifdown": "",
    "kill": r"\s(-\S+|--)\s+-1\s", "killall5": "",
    "chmod": r"\s(-\w*R\w*|--recursive)\s(.*\s)?/\s", "chown": r"\s(-\w*R\w*|--recursive)\s(.*\s)?/\s",
    "crontab": r"\s-r\s",
}  # fmt: skip
_FAMILY = {"mkfs": "", "fsck": r"\s-y\s"}
"""As `mkfs.ext4`."""

_ANYWHERE = {
    "> /dev/…": rf">\s*{_DISK}",
    "drop": r"(?i)\bdrop\s+(?:table|database|schema)\b",
    "truncate table": r"(?i)\btruncate\s+table\b",
    "sysrq": r"/proc/sysrq-trigger",
}
_KNOWN = _NAMED | _FAMILY


def perils_of(command: str, more: Sequence[re.Pattern[str]] = (), *, built_in: bool = True) -> list[str]:
    """What is dangerous in a command line, in a word each; nothing where nothing is known to be.

    Args:
        more: what the user's settings look for, anywhere in it.
        built_in: look for what is in this file, too.
    """
    found = [look.pattern for look in more if look.search(command)]
    if built_in:
        found += [name for name, look in _ANYWHERE.items() if re.search(look, command)]
        found += [name for name, words in _begun(command) if _is_peril(name, words)]
    return list(dict.fromkeys(found))


def _begun(command: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of the table that may begin somewhere, and the words behind it."""
    for stretch in _APART.split(command):
        pieces = _PIECE.findall(stretch)
        for place in _places(pieces):
            for begin in _beginnings(pieces, place):
                name = pieces[begin].rpartition("/")[2].lstrip("\\")
                family = name.partition(".")[0]
                kind = family if family in _FAMILY else name
                if kind in _KNOWN:
                    yield kind, [piece for piece in pieces[begin + 1 :] if piece not in _QUOTES]


def _places(pieces: Sequence[str]) -> Iterator[int]:
    """Where a command may begin in one stretch: at its start, and behind a quote."""
    yield 0
    if not _SEARCHES.isdisjoint(pieces):
        return
    yield from (place + 1 for place, piece in enumerate(pieces) if piece in _QUOTES)


def _is_peril(name: str, words: Sequence[str]) -> bool:
    if _ONLY_SAYS.issuperset(words) and words:
        return False
    return re.search(_KNOWN[name], f" {' '.join(words)} ") is not None


def _beginnings(pieces: Sequence[str], place: int) -> Iterator[int]:
    """Where the command begins of which the first word is at a place: behind variables and what starts others."""
    while place < len(pieces):
        piece = pieces[place].rpartition("/")[2]
        place += 1
        if piece not in _LEADS and not _ASSIGNED.fullmatch(piece):
            yield place - 1
            return
        if piece == "command" and pieces[place : place + 1] in (["-v"], ["-V"]):
            return
        while place < len(pieces) and _OPTION.fullmatch(pieces[place]):
            place += 1
            if _TAKES_A_WORD.fullmatch(pieces[place - 1]) and _is_word(pieces, place):
                yield place  # or it takes none, as in sudo -s reboot
                place += 1
        place += piece in _WITH_A_WORD


def _is_word(pieces: Sequence[str], place: int) -> bool:
    return place < len(pieces) and not _OPTION.fullmatch(pieces[place])
