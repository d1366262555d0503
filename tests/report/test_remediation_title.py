"""What a merge request about drift is called."""

from __future__ import annotations

from reconciler.model.remediation import Cause
from reconciler.report.remediation import kept, title

BLOCK = (
    "block_public_acls",
    "block_public_policy",
    "ignore_public_acls",
    "restrict_public_buckets",
)


def test_a_long_title_ends_after_a_whole_word_and_says_that_there_is_more() -> None:
    changes = tuple((one, "true", "false") for one in BLOCK)
    cause = Cause("aws_s3_bucket_public_access_block", "changed", changes)
    for make in (title, kept):
        said = make(cause, ["shop"])
        *words, end = said.split()
        assert (len(said) <= 120, end) == (True, "..."), said
        assert words[-1].removesuffix(",") in {*BLOCK, cause.type}
    assert title(Cause("aws_sns_topic", "changed", changes[:1]), ["a", "b"]) == (
        "Drift of 2 environments: aws_sns_topic block_public_acls"
    )
