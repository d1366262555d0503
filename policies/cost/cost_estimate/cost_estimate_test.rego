package reconciler.rules.cost.cost_estimate_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.cost.cost_estimate as rule

test_deny_no_estimate if {
	count(rule.violations) == 1 with input as t.environment({"monthly_cost": null})
}

test_allow_estimate if {
	count(rule.violations) == 0 with input as t.base
}

test_allow_without_a_budget if {
	count(rule.violations) == 0 with input as t.changed({"environment": {"monthly_cost": null}, "profile": {"quotas": {"monthlyBudget": {"perEnvironment": null}}}})
}
