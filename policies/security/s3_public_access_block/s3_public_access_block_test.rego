package reconciler.rules.security.s3_public_access_block_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.s3_public_access_block as rule

test_deny_no_block if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {"bucket": "a"})
}

test_deny_block_of_another if {
	count(rule.violations) == 1 with input as t.with_resources([t.named("aws_s3_bucket", "other", {"bucket": "a"}), t.resource("aws_s3_bucket_public_access_block", {"bucket": t.unknown("aws_s3_bucket.main.id"), "block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true})])
}

test_deny_half_a_block if {
	count(rule.violations) == 1 with input as t.with_resources([t.resource("aws_s3_bucket", {}), t.resource("aws_s3_bucket_public_access_block", {"bucket": t.unknown("aws_s3_bucket.main.id"), "block_public_acls": true})])
}

test_deny_unknown_setting if {
	count(rule.violations) == 1 with input as t.with_resources([t.resource("aws_s3_bucket", {}), t.resource("aws_s3_bucket_public_access_block", {"bucket": t.unknown("aws_s3_bucket.main.id"), "block_public_acls": t.unknown("var.a"), "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true})])
}

test_allow_block_by_reference if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_s3_bucket", {"bucket": t.unknown("local.name")}), t.resource("aws_s3_bucket_public_access_block", {"bucket": t.unknown("aws_s3_bucket.main.id"), "block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true})])
}

test_allow_block_by_name if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_s3_bucket", {"bucket": "a"}), t.resource("aws_s3_bucket_public_access_block", {"bucket": "a", "block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true})])
}
