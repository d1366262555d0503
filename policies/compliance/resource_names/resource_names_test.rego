package reconciler.rules.compliance.resource_names_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.resource_names as rule

test_deny_other_name if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {"bucket": "assets"})
}

test_deny_other_environment if {
	count(rule.violations) == 1 with input as t.one("aws_lb", {"name": "shopping"})
}

test_allow_own_name if {
	count(rule.violations) == 0 with input as t.with_resources([t.named("aws_lb", "a", {"name": "shop"}), t.named("aws_sqs_queue", "b", {"name": "shop-mail"})])
}

test_allow_cut_name if {
	count(rule.violations) == 0 with input as object.union(t.one("aws_lb", {"name": "a-very-long-name-1a2b3c"}), {"environment": {"name": "a-very-long-name-of-a-shop"}})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket", {"bucket": t.unknown("local.name")})
}
