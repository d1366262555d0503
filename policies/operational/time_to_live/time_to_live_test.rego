package reconciler.rules.operational.time_to_live_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.operational.time_to_live as rule

test_deny_no_end if {
	count(rule.violations) == 1 with input as t.profile({"ttl": {"default": "72h", "maximum": "14d"}})
}

test_deny_too_long if {
	count(rule.violations) == 1 with input as t.changed({"profile": {"ttl": {"default": "72h", "maximum": "14d"}}, "environment": {"ttl_hours": 337}})
}

test_allow_within if {
	count(rule.violations) == 0 with input as t.changed({"profile": {"ttl": {"default": "72h", "maximum": "14d"}}, "environment": {"ttl_hours": 336}})
}

test_allow_for_ever_where_the_profile_does if {
	count(rule.violations) == 0 with input as t.base
}
