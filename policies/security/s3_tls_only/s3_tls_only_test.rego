package reconciler.rules.security.s3_tls_only_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.s3_tls_only as rule

test_deny_no_policy if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {"bucket": "a"})
}

test_deny_other_policy if {
	count(rule.violations) == 1 with input as t.with_resources([t.resource("aws_s3_bucket", {}), t.resource("aws_s3_bucket_policy", {"bucket": t.unknown("aws_s3_bucket.main.id"), "policy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "1"}}]}})])
}

test_allow_policy if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_s3_bucket", {}), t.resource("aws_s3_bucket_policy", {"bucket": t.unknown("aws_s3_bucket.main.id"), "policy": {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}})])
}

test_allow_expression if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_s3_bucket", {}), t.resource("aws_s3_bucket_policy", {"bucket": t.unknown("aws_s3_bucket.main.id"), "policy": t.unknown("jsonencode({ Statement = [{ Effect = \"Deny\", Condition = { Bool = { \"aws:SecureTransport\" = \"false\" } } }] })")})])
}
