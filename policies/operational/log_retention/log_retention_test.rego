package reconciler.rules.operational.log_retention_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.operational.log_retention as rule

test_deny_short if {
	count(rule.violations) == 1 with input as t.one("aws_cloudwatch_log_group", {"retention_in_days": 7})
}

test_deny_for_ever if {
	count(rule.violations) == 1 with input as t.one("aws_cloudwatch_log_group", {})
}

test_allow_long if {
	count(rule.violations) == 0 with input as t.one("aws_cloudwatch_log_group", {"retention_in_days": 30})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_cloudwatch_log_group", {"retention_in_days": t.unknown("local.days")})
}

test_deny_one_day if {
	messages := {one.message | some one in rule.violations} with input as t.one("aws_cloudwatch_log_group", {"retention_in_days": 1})
	messages == {"logs are kept for 1 day, the profile asks for 30"}
}
