package reconciler.rules.authority.reserved_labels_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.authority.reserved_labels as rule

test_deny_owner if {
	count(rule.violations) == 1 with input as t.environment({"labels": {"owner": "team-security"}})
}

test_deny_aws if {
	count(rule.violations) == 1 with input as t.environment({"labels": {"aws:cloudformation:stack-id": "a"}})
}

test_allow_others if {
	count(rule.violations) == 0 with input as t.environment({"labels": {"data-class": "public"}})
}
