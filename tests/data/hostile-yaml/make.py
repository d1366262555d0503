"""Writes the small hostile files. Each was made to fool or exhaust a YAML reader.

Run `python tests/data/hostile-yaml/make.py` after changing one; the tests read the files.
"""

from pathlib import Path

HERE = Path(__file__).parent

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

FILES: dict[str, bytes] = {
    # code in disguise
    "python-object": b"a: !!python/object/apply:os.system ['touch /tmp/owned']\n",
    "python-name": b"a: !!python/name:os.system\n",
    "python-module": b"!!python/module:os\n",
    "binary-tag": b"a: !!binary aGVsbG8=\n",
    "set-tag": b"--- !!set\n? a\n? b\n",
    "omap-tag": b"a: !!omap [b: 1]\n",
    "local-tag": b"a: !Ref Bucket\n",
    "verbatim-tag": b"a: !<tag:yaml.org,2002:int> 1\n",
    "empty-tag": b"a: ! b\n",
    "tag-on-key": b"!!str a: 1\n",
    "tag-on-list": b"a: !!seq [1]\n",
    "tag-directive": b"%TAG ! tag:evil.example.com,2026:\n---\na: !x 1\n",
    "yaml-directive": b"%YAML 1.1\n---\na: no\n",
    "unknown-directive": b"%RUN rm -rf\n---\na: 1\n",
    # aliases
    "billion-laughs": LAUGHS.encode(),
    "laughs-in-maps": b"a: &a {x: 1}\n"
    + b"".join(
        b"%c: &%c {%s}\n" % (n, n, b", ".join(b"k%d: *%c" % (i, n - 1) for i in range(9)))
        for n in b"bcdefghi"
    ),
    "alias-to-itself-list": b"a: &a [*a]\n",
    "alias-to-itself-map": b"&a {b: *a}\n",
    "alias-circle": b"a: &a {b: &b [*a]}\nc: *b\n",
    "alias-unknown": b"a: *b\n",
    "alias-before-anchor": b"a: *b\nb: &b 1\n",
    "many-aliases": b"a: &a 1\nb: [" + b", ".join([b"*a"] * 51) + b"]\n",
    "alias-as-key": b"a: &a [1]\n*a : 2\n",
    "merge-key": b"a: &a {x: 1}\nb: {<<: *a}\n",
    "merge-list": b"a: &a {x: 1}\nb: {<<: [*a, *a]}\n",
    # keys
    "duplicate-key": b"a: 1\nb: 2\na: 3\n",
    "duplicate-key-quoted": b'a: 1\n"a": 2\n',
    "duplicate-key-escaped": b'a: 1\n"\\x61": 2\n',
    "duplicate-key-deep": b"a: [{b: {c: 1, c: 2}}]\n",
    "number-key": b"1: a\n",
    "null-key": b"~: a\n",
    "empty-key": b"a: 1\n: 2\n",
    "bool-key": b"true: a\n",
    "list-key": b"? [a, b]\n: 1\n",
    "map-key": b"{a: 1}: b\n",
    "question-key": b"? {a: b}\n? {c: d}\n",
    # shape
    "deep-flow": b"[" * 30 + b"]" * 30 + b"\n",
    "deep-unclosed": b"[" * 500 + b"\n",
    "deep-braces": b"{a: " * 40 + b"\n",
    "deep-dashes": b"- " * 60 + b"a\n",
    "deep-block": b"".join(b" " * n + b"a:\n" for n in range(40)),
    "two-documents": b"a: 1\n---\na: 2\n",
    "second-document-empty": b"a: 1\n---\n",
    "empty": b"",
    "only-comment": b"# nothing\n",
    "only-bom": b"\xef\xbb\xbf",
    "only-end": b"...\n",
    # text
    "tab-indent": b"a:\n\tb: 1\n",
    "tab-list": b"- a\n\t- b\n",
    "unclosed-quote": b"a: 'b\nc: d\n",
    "unclosed-flow": b"a: [b, c\nd: e\n",
    "stray-bracket": b"a: ]\n",
    "two-colons": b"a: b: c\n",
    "reserved-at": b"a: @b\n",
    "reserved-backtick": b"a: `b`\n",
    "percent": b"a: %b\n",
    "bad-escape": b'a: "\\q"\n',
    "surrogate-escape": b'a: "\\ud800"\n',
    "beyond-unicode": b'a: "\\U00110000"\n',
    "control-character": b"a: b\x07c\n",
    "escape-character": b"a: \x1b[31mred\n",
    "delete-character": b"a: b\x7fc\n",
    "nul": b"a: b\x00c\n",
    "not-utf8": b"a: caf\xe9\n",
    "overlong-utf8": b"a: \xc0\xaf\n",
    "surrogate-utf8": b"a: \xed\xa0\x80\n",
    "utf16-little": "a: 1\n".encode("utf-16"),
    "utf16-bare": "a: 1\n".encode("utf-16-le"),
    "utf16-big": b"\xfe\xff" + "a: 1\n".encode("utf-16-be"),
    "utf32": "a: 1\n".encode("utf-32"),
    "bad-indent": b"a:\n    b: 1\n  c: 2\n",
    "dedent-quote": b"a:\n  b: 'x\ny'\nc\n",
    "bad-block-header": b"a: |99\n  b\n",
    "anchor-twice": b"a: &a &b c\n",
    "anchor-on-alias": b"a: &a 1\nb: &b *a\n",
}


if __name__ == "__main__":
    for name, data in FILES.items():
        (HERE / f"{name}.yaml").write_bytes(data)
